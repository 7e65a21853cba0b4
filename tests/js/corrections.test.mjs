import assert from "node:assert/strict";
import test from "node:test";

import { createCorrections } from "../../static/js/corrections.js";
import { emoji, name, nameShare, share } from "../../static/js/format.js";
import { truthWords } from "../../static/js/messages.js";
import { kind, matches, spread } from "../../static/js/state-clips.js";
import { initialState, reduce } from "../../static/js/state.js";
import { createStore } from "../../static/js/store.js";
import { LABELS, clip, config, later, settled } from "./help.mjs";

const EMOTIONS = [LABELS[0], { name: "calm", emoji: "😌" }, ...LABELS.slice(1), { name: "fear", emoji: "😨" }];
const unsure = clip("3", { status: "uncertain", emotion: "sad" });

function open(client, changes = {}) {
  const store = createStore(reduce, initialState(config({ clips: [clip("2"), clip("1")], ...changes })));
  return { store, corrections: createCorrections({ store, client }) };
}

const corrections = (store) => store.state.history.clips.map((one) => one.correction ?? null);

test("a correction shows at once, in the history, the answer and the list of files", async () => {
  const asked = [];
  const { store, corrections: sut } = open({ correct: async (...said) => asked.push(said), uncorrect: async (id) => asked.push([id]) });
  store.dispatch({ type: "job/added", job: { id: 1, name: "a", source: "upload", size: 1 } });
  store.dispatch({ type: "job/done", id: 1, clip: clip("4") });
  const done = sut.say(clip("4"), "fear");
  assert.deepEqual(corrections(store), ["fear", null, null]);
  assert.equal(store.state.answer.clip.correction, "fear");
  assert.equal(store.state.jobs[0].clip.correction, "fear");
  assert.equal(store.state.aside.text, "Heard happy, corrected to fear.");
  await done;
  await sut.say(store.state.answer.clip, null);
  assert.deepEqual(asked, [["4", "fear"], ["4"]]);
  assert.deepEqual(corrections(store), [null, null, null]);
});

test("what the server didn't hear of is taken back with a sentence", async () => {
  const { store, corrections: sut } = open({ correct: () => Promise.reject(Object.assign(new Error(""), { status: 0 })) });
  await sut.say(clip("1", { correction: "sad" }), "fear");
  assert.deepEqual(corrections(store), [null, "sad"]);
  assert.match(store.state.notice.text, /couldn't be saved: say it again when the server can be reached/);
});

test("the server's own sentence is shown", async () => {
  const { store, corrections: sut } = open({ correct: () => Promise.reject(Object.assign(new Error("Wait a minute."), { status: 429 })) });
  await sut.say(clip("1"), "fear");
  assert.equal(store.state.notice.text, "Wait a minute.");
});

test("two corrections of one clip reach the server in order", async () => {
  const first = later();
  const asked = [];
  const { corrections: sut } = open({ correct: (id, emotion) => (asked.push(emotion), emotion === "sad" ? first.promise : Promise.resolve()) });
  sut.say(clip("1"), "sad");
  sut.say(clip("1"), "fear");
  await settled();
  assert.deepEqual(asked, ["sad"]);
  first.resolve();
  await settled();
  assert.deepEqual(asked, ["sad", "fear"]);
});

test("consent is what the server says, and the switch goes back where it can't be reached", async () => {
  let answer = Promise.resolve({ training: true });
  const { store, corrections: sut } = open({ consent: () => answer });
  assert.deepEqual(store.state.consent, { training: false });
  await sut.allow(true);
  assert.deepEqual(store.state.consent, { training: true });
  answer = Promise.reject(Object.assign(new Error(""), { status: 0 }));
  const before = store.state.consent;
  await sut.allow(false);
  assert.deepEqual(store.state.consent, { training: true });
  assert.notEqual(store.state.consent, before, "a change that puts the switch back");
  store.dispatch({ type: "history/cleared" });
  assert.deepEqual(store.state.consent, { training: false });
});

test("the history counts and finds by the truth where it is known", () => {
  const fear = clip("1", { correction: "fear" });
  assert.deepEqual([clip("1"), fear, unsure, { ...unsure, correction: "sad" }].map(kind), ["happy", "fear", "uncertain", "sad"]);
  assert.ok(matches(fear, { emotion: "fear", search: "" }));
  assert.ok(!matches(fear, { emotion: "happy", search: "" }));
  const columns = spread({ clips: [fear, clip("2"), clip("4", { correction: "happy" }), unsure], leaving: [] }, LABELS, EMOTIONS);
  assert.deepEqual(
    columns.map(({ name: label, count, fixed }) => [label, count, fixed]),
    [["neutral", 0, 0], ["happy", 2, 0], ["sad", 0, 0], ["fear", 1, 1], ["uncertain", 1, 0]],
  );
});

test("the answer stays visible beside the truth", () => {
  assert.equal(truthWords(clip("1")), "");
  assert.equal(truthWords(clip("1", { correction: "fear" })), "Heard happy, corrected to fear.");
  assert.equal(truthWords(clip("1", { correction: "happy" })), "Confirmed: it was happy.");
  assert.equal(truthWords({ ...unsure, correction: "sad" }), "Heard nothing definite, corrected to sad.");
  assert.deepEqual([name(clip("1")), name(clip("1", { correction: "fear" }))], ["Happy", "Fear"]);
  assert.deepEqual([nameShare(clip("1", { correction: "happy" })), nameShare(clip("1", { correction: "fear" })), share(clip("1", { correction: "fear" }))], ["72%", "", "72%"]);
  assert.deepEqual([emoji("calm", EMOTIONS), emoji("uncertain", EMOTIONS), emoji("bored", EMOTIONS)], ["😌", "🤔", ""]);
});
