import assert from "node:assert/strict";
import test from "node:test";
import { ApiError } from "../../static/js/client.js";
import { createSettings } from "../../static/js/settings.js";
import { initialState, reduce } from "../../static/js/state.js";
import { createStore } from "../../static/js/store.js";
import { createTranscripts } from "../../static/js/transcripts.js";
import { clip, config, settled } from "./help.mjs";

const said = { status: "done", text: "hello there", engine: "google" };

function page({ transcribe = async () => said, saveSettings = async () => {}, settings = { transcribe: true, language: "en-US" } } = {}) {
  const store = createStore(reduce, initialState(config({ settings })));
  const asked = [];
  const client = { transcribe: (id) => (asked.push(id), transcribe(id)), saveSettings };
  store.subscribe(createTranscripts({ store, client }).follow);
  const hear = (id) => {
    store.dispatch({ type: "job/added", job: { id: `job${id}`, name: id, source: "upload", size: 1 } });
    store.dispatch({ type: "job/done", id: `job${id}`, clip: clip(id) });
  };
  return { store, asked, hear, settings: createSettings({ store, client }) };
}

test("words are asked for by themselves, once for each new clip, one at a time", async () => {
  let running = 0;
  const world = page({ async transcribe() { assert.equal(++running, 1); await settled(2); running--; return said; } });
  for (const id of ["1", "2", "3"]) world.hear(id);
  assert.equal(world.store.state.answer.clip.id, "3", "the emotion doesn't wait");
  await settled(60);
  assert.deepEqual(world.asked, ["1", "2", "3"]);
  assert.ok(world.store.state.history.clips.every((one) => one.transcript.text === "hello there"));
  assert.equal(world.store.state.answer.clip.transcript.text, "hello there");
  assert.match(world.store.state.aside.text, /hello there/);
});

test("with the switch off nobody hears anything; switched on, the shown clip is written down", async () => {
  const world = page({ settings: { transcribe: false, language: "en-US" } });
  world.hear("1");
  await settled();
  assert.deepEqual(world.asked, []);
  await world.settings.change({ transcribe: true });
  await settled();
  assert.deepEqual(world.asked, ["1"]);
});

test("a failure has its own sentence, and the emotion stands", async () => {
  for (const [error, sentence] of [
    [new ApiError("transcriber_unavailable", "Google can't be reached.", 503), /Google can't be reached/],
    [new ApiError("network", ""), /server can't be reached/],
  ]) {
    const world = page({ async transcribe() { throw error; } });
    world.hear("1");
    await settled();
    assert.match(world.store.state.words, sentence);
    assert.equal(world.store.state.notice.tone, "good");
    assert.equal(world.store.state.answer.clip.emotion, "happy");
  }
});

test("one clip's failure doesn't keep the next from its words", async () => {
  const world = page({ async transcribe(id) { if (id === "1") throw new ApiError("network", ""); return said; } });
  world.hear("1");
  world.hear("2");
  await settled(40);
  assert.equal(world.store.state.answer.clip.transcript.text, "hello there");
  assert.equal(world.store.state.words, null);
});

test("a choice that couldn't be saved is taken back, and said", async () => {
  const world = page({ async saveSettings() { throw new ApiError("network", ""); } });
  await world.settings.change({ transcribe: false });
  assert.equal(world.store.state.settings.transcribe, true);
  assert.equal(world.store.state.notice.tone, "error");
});
