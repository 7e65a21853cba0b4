import assert from "node:assert/strict";
import test from "node:test";
import { problem, serverProblem } from "../../static/js/messages.js";
import { matches, spread } from "../../static/js/state-clips.js";
import { listed } from "../../static/js/state-jobs.js";
import { initialState, reduce } from "../../static/js/state.js";
import { createStore } from "../../static/js/store.js";
import { clip, config, LABELS } from "./help.mjs";

const freeze = (value) => {
  if (value && typeof value === "object" && !Object.isFrozen(value)) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
};
/** The state after these events; no event may change an older state. */
const after = (events, state = initialState(config())) => events.reduce((now, event) => freeze(reduce(freeze(now), freeze(event))), state);

const added = (id, source = "upload") => ({ type: "job/added", job: { id, name: `${id}.wav`, source, size: 9, madeAt: "2026-03-05T10:00:00Z" } });
const done = (id, changes) => ({ type: "job/done", id, clip: clip(`clip-${id}`, changes) });
const failed = (id, code = "network") => ({ type: "job/failed", id, problem: problem(code) });
const silent = (id) => ({ type: "job/failed", id, problem: serverProblem({ code: "no_speech", message: "No speech was heard.", status: 422 }, "recording") });

test("a recording goes from asking to an answer that is said", () => {
  const events = [{ type: "recorder/asking" }, { type: "recorder/recording" }, added("1", "recording"), { type: "job/sending", id: "1" }, done("1")];
  const seen = events.map((_, i) => after(events.slice(0, i + 1)));
  assert.deepEqual(seen.map((state) => state.recorder), ["asking", "recording", "idle", "idle", "idle"]);
  assert.deepEqual(seen.map((state) => state.notice.tone), ["busy", "busy", "busy", "busy", "good"]);
  assert.ok(new Set(seen.map((state) => state.notice.text)).size >= 4, "each state has its own words");
  assert.deepEqual(seen[1].notice.ways, ["cancel"]);
  assert.equal(seen[4].notice.text, "Happy, fairly sure: 72%.");
  assert.equal(seen[4].answer.clip.id, "clip-1");
  assert.deepEqual(seen[4].history.clips.map((one) => one.id), ["clip-1"]);
});

test("uncertain is neither good nor an error", () => {
  const state = after([added("1"), done("1", { status: "uncertain" })]);
  assert.equal(state.notice.tone, "unsure");
  assert.match(state.notice.text, /^Not sure: perhaps happy or neutral/);
});

test("no speech is an answer of its own kind with a way on, and nothing joins the history", () => {
  const state = after([added("1", "recording"), silent("1")]);
  assert.equal(state.answer.problem.code, "no_speech");
  assert.equal(state.answer.clip, undefined);
  assert.deepEqual(state.notice.ways, ["record", "choose"]);
  assert.equal(state.history.clips.length, 0);
});

test("every problem of the recorder is one sentence with a way on", () => {
  for (const code of ["permission_denied", "no_microphone", "microphone_busy", "microphone_lost", "insecure_page", "unsupported_browser", "recording_failed", "too_quiet", "recording_too_short"]) {
    const state = after([{ type: "recorder/asking" }, { type: "recorder/failed", problem: problem(code) }]);
    assert.equal(state.recorder, "idle");
    assert.equal(state.notice.tone, "error");
    assert.match(state.notice.text, /^[A-Z][^{}]+\.$/);
    assert.ok(state.notice.ways.length > 0, code);
  }
  assert.equal(after([{ type: "recorder/failed", problem: problem("cancelled") }]).notice.tone, "quiet");
});

test("a recording that didn't get through stays on offer, also after the next one", () => {
  const one = after([added("1", "recording"), failed("1")]);
  assert.deepEqual([one.notice.ways, one.notice.job], [["resend", "save"], "1"]);
  assert.deepEqual(listed(one.jobs), [], "the notice offers it");
  const two = after([added("2", "recording"), done("2")], one);
  assert.deepEqual(listed(two.jobs).map((job) => job.id), ["1"]);
});

test("several files are spoken of together, each keeps its own result", () => {
  const start = ["1", "2", "3"].map((id) => added(id));
  assert.equal(after([...start, done("1")]).notice.text, "1 of 3 files heard.");
  assert.deepEqual(
    [after([...start, done("1"), done("2")]).notice.tone, after([...start, done("1"), done("2"), done("3")]).notice.tone],
    ["busy", "quiet"],
  );
  const end = after([...start, done("1"), failed("2", "wrong_type"), done("3")]);
  assert.match(end.notice.text, /^2 of 3 files heard\. One file couldn't be heard/);
  assert.equal(end.notice.tone, "error");
  const next = after([added("4"), done("4")], end);
  assert.equal(next.notice.text, "Happy, fairly sure: 72%.", "the earlier ones no longer count");
});

test("a silent file among several leaves what was heard in the others", () => {
  const start = [added("1"), added("2")];
  assert.equal(after([...start, done("1"), silent("2")]).answer.clip.id, "clip-1");
  assert.equal(after([...start, silent("2"), done("1")]).answer.clip.id, "clip-1");
  assert.equal(after([done("0"), added("1"), silent("1")]).answer.problem.code, "no_speech", "alone it is the answer");
});

test("what was said last is no longer said beside the next sound", () => {
  const words = { type: "transcript/done", id: "clip-1", transcript: { status: "done", text: "hi" } };
  const said = after([added("1"), done("1"), words]);
  assert.equal(said.aside.text, "“hi”");
  assert.equal(after([added("2")], said).aside.text, "");
});

test("clearing the list keeps what is under way or can be sent again", () => {
  const state = after([added("1"), added("2"), added("3"), added("4"), done("1"), failed("2", "wrong_type"), failed("3"), { type: "jobs/cleared" }]);
  assert.deepEqual(state.jobs.map((job) => job.id), ["3", "4"]);
});

test("progress ends in hearing; a busy server's pause is said", () => {
  const sending = after([added("1"), { type: "job/sending", id: "1" }, { type: "job/progress", id: "1", sent: 0.4 }]);
  assert.deepEqual([sending.jobs[0].phase, sending.jobs[0].sent], ["sending", 0.4]);
  assert.equal(after([{ type: "job/progress", id: "1", sent: 1 }], sending).jobs[0].phase, "hearing");
  assert.match(after([{ type: "job/paused", id: "1", seconds: 7 }], sending).notice.text, /7 s/);
});

test("an event about a job that was given up changes nothing that is shown, but no clip is lost", () => {
  const state = after([added("1"), { type: "job/dropped", id: "1" }]);
  assert.equal(after([failed("1")], state).notice, state.notice);
  assert.equal(after([done("1")], state).history.clips.length, 1);
});

test("a new clip joins a searched history only where it fits", () => {
  const only = (filter) => after([{ type: "history/filtered", filter }, added("1"), done("1")]).history.clips.length;
  assert.deepEqual([only({ emotion: "happy" }), only({ emotion: "sad" }), only({ search: "A.WAV" }), only({ search: "door" })], [1, 0, 1, 0]);
});

test("filters mean what the server means", () => {
  const filter = { emotion: "", search: "" };
  const unsure = clip("1", { status: "uncertain", emotion: "sad" });
  assert.ok(matches(unsure, { ...filter, emotion: "uncertain" }));
  assert.ok(!matches(unsure, { ...filter, emotion: "sad" }));
  assert.ok(matches(clip("1", { transcript: { status: "done", text: "The Door" } }), { ...filter, search: " door " }));
  assert.ok(matches(clip("1", { filename: null }), filter));
});

test("the chart counts clips that stay, by what they count as, in the labels' order", () => {
  const clips = [clip("1"), clip("2"), clip("3", { emotion: "sad" }), clip("4", { status: "uncertain", emotion: "sad" }), clip("5")];
  const counts = spread({ clips, leaving: ["5"] }, LABELS).map(({ name, count }) => `${name} ${count}`);
  assert.deepEqual(counts, ["neutral 0", "happy 2", "sad 1", "uncertain 1"]);
});

test("deleting the shown clip takes the answer away; undo brings the row back", () => {
  const shown = after([added("1"), done("1")]);
  const gone = after([{ type: "clip/removed", id: "clip-1" }], shown);
  assert.equal(gone.answer, null);
  assert.deepEqual(gone.history.leaving, ["clip-1"]);
  assert.match(gone.aside.text, /Undo/);
  assert.deepEqual(after([{ type: "clip/restored", id: "clip-1" }], gone).history.leaving, []);
  assert.deepEqual(after([{ type: "clip/gone", id: "clip-1" }], gone).history, { ...shown.history, clips: [], leaving: [] });
});

test("a clip that is deleted for good leaves the list of files, too", () => {
  const shown = after([added("1"), done("1"), added("2"), done("2"), added("3")]);
  const ids = (state) => state.jobs.map((job) => job.id);
  assert.deepEqual(ids(after([{ type: "clip/removed", id: "clip-1" }], shown)), ids(shown));
  assert.deepEqual(ids(after([{ type: "clip/gone", id: "clip-1" }], shown)), ids(shown).slice(1));
  assert.deepEqual(ids(after([{ type: "history/cleared" }], shown)), ids(shown).slice(2));
  assert.equal(after([{ type: "clip/gone", id: shown.answer.clip.id }], shown).answer, null);
});

test("what happens to the history is heard and leaves the notice with its ways alone", () => {
  const state = after([added("1", "recording"), failed("1")]);
  const later = after([{ type: "history/loaded", clips: [clip("9")], next: null, append: false }], state);
  assert.equal(later.notice, state.notice);
  assert.equal(later.aside.text, "1 clip listed.");
});

test("words belong to their clip", () => {
  const state = after([added("1"), done("1"), { type: "transcript/asked", id: "clip-1" }]);
  assert.equal(state.words, "asked");
  assert.equal(after([{ type: "transcript/failed", id: "other", message: "x" }], state).words, "asked");
  assert.equal(after([{ type: "clip/shown", clip: clip("9") }], state).words, null);
  const said = after([{ type: "transcript/done", id: "clip-1", transcript: { status: "done", text: "hi" } }], state);
  assert.deepEqual([said.words, said.answer.clip.transcript.text, said.history.clips[0].transcript.text], [null, "hi", "hi"]);
});

test("server problems: its own sentence, and ways that can help", () => {
  const ways = (status, code, source = "upload") => serverProblem({ status, code, message: "Sentence." }, source).ways;
  assert.deepEqual(ways(429, "too_many_requests"), ["resend", "save"]);
  assert.deepEqual(ways(500, "internal"), ["resend", "save"]);
  assert.deepEqual(ways(415, "unreadable_audio"), []);
  assert.deepEqual(ways(422, "too_short", "recording"), ["record", "choose"]);
  const silence = serverProblem({ status: 422, code: "no_speech", message: "Speak closer." }, "upload");
  assert.deepEqual([silence.code, silence.ways], ["no_speech", ["choose"]]);
  assert.match(silence.text, /this file/, "nobody can speak closer to a file");
  assert.match(serverProblem({ status: 0, code: "network", message: "" }, "upload").text, /can't be reached/);
});

test("an unknown event changes nothing but the identity; subscribers hear each change once and can leave", () => {
  const store = createStore(reduce, initialState(config()));
  let heard = 0;
  const end = store.subscribe((state, before) => before && heard++);
  store.dispatch({ type: "recorder/asking" });
  end();
  store.dispatch({ type: "recorder/recording" });
  assert.equal(heard, 1);
});
