import assert from "node:assert/strict";
import test from "node:test";
import { isLong } from "../../static/js/check.js";
import { ApiError } from "../../static/js/client.js";
import { createRecordings } from "../../static/js/recordings.js";
import { initialState, reduce } from "../../static/js/state.js";
import { createStore } from "../../static/js/store.js";
import { config, later, settled } from "./help.mjs";

const recording = (id, state = "waiting", more = {}) => ({ id, filename: "a.wav", created_at: "2026-03-05T10:00:00+00:00", duration_seconds: null, state, progress: { done_seconds: 0, of_seconds: null }, error: null, audio_url: null, ...more });
const file = (name = "a.wav") => ({ name, size: 5_000_000 });

/** `answers` are given, in turn, to each call of the server; what was asked is in `calls`. */
function page({ list = [], answers = {} } = {}) {
  const calls = [];
  const reply = (name) => async (...given) => {
    calls.push([name, given[0]]);
    const answer = answers[name]?.shift();
    if (answer instanceof Error) throw answer;
    return typeof answer === "function" ? answer(...given) : answer;
  };
  const client = Object.fromEntries(["sendRecording", "recording", "cancelRecording", "startRecording", "removeRecording"].map((name) => [name, reply(name)]));
  const store = createStore(reduce, initialState(config({ recordings: list })));
  const slept = [];
  let ids = 0;
  const recordings = createRecordings({ store, client, sleep: async (seconds) => void slept.push(seconds), newId: () => `job${++ids}` });
  return { store, recordings, calls, slept, state: () => store.state.recordings };
}

test("a file is sent, opened, watched and done", async () => {
  const running = recording("b", "running", { duration_seconds: 60, progress: { done_seconds: 20, of_seconds: 60 } });
  const { recordings, state, store, calls, slept } = page({
    answers: {
      sendRecording: [(_, { onProgress }) => (onProgress(0.5), recording("b"))],
      recording: [running, recording("b", "done", { regions: [] })],
    },
  });
  recordings.add(file());
  assert.deepEqual(state().sending.map(({ id, name, sent }) => [id, name, sent]), [["job1", "a.wav", 0]]);
  await settled();
  assert.deepEqual(state().sending, []);
  assert.deepEqual([state().open, state().list[0].state], ["b", "done"]);
  assert.equal(store.state.aside.text, "a.wav is analysed.");
  assert.deepEqual(calls.map(([name]) => name), ["sendRecording", "recording", "recording"]);
  assert.ok(slept.length >= 2);
});

test("whether only the visitor's voice speaks goes with the file", async () => {
  const asked = [];
  const answer = (id) => (_, { oneVoice }) => (asked.push(oneVoice), recording(id, "done"));
  const { recordings } = page({ answers: { sendRecording: [answer("b"), answer("c")] } });
  recordings.add(file());
  recordings.add(file("mine.wav"), { oneVoice: true });
  await settled();
  assert.deepEqual(asked, [false, true]);
});

test("files go one after the other, and the first stays open", async () => {
  const gate = later();
  const { recordings, state } = page({ answers: { sendRecording: [() => gate.promise, recording("c", "done")] } });
  recordings.add(file("one.wav"));
  recordings.add(file("two.wav"));
  await settled();
  assert.equal(state().sending.length, 2);
  gate.resolve(recording("b", "done"));
  await settled();
  assert.deepEqual([state().open, state().list.map(({ id }) => id)], ["b", ["c", "b"]]);
});

test("what the server refuses stays with its sentence; what it can't take now can be sent again", async () => {
  const { recordings, state, store } = page({
    answers: { sendRecording: [new ApiError("unreadable_audio", "No sound.", 415), new ApiError("queue_full", "Full.", 503), new ApiError("network", ""), recording("b", "done")] },
  });
  for (const expected of [["No sound.", []], ["Full.", ["resend", "save"]], ["The server can't be reached: send it again before you close this page.", ["resend", "save"]]]) {
    recordings.add(file());
    await settled();
    const { text, ways } = state().sending.at(-1).problem;
    assert.deepEqual([text, ways], expected);
  }
  assert.ok(store.state.aside.text);
  recordings.resend("job2");
  await settled();
  assert.deepEqual([state().sending.map(({ id }) => id), state().list.length], [["job1", "job3"], 1]);
  recordings.drop("job1");
  assert.deepEqual(state().sending.map(({ id }) => id), ["job3"]);
});

test("what is given up on its way is ended and forgotten", async () => {
  let signal;
  const { recordings, state, store } = page({ answers: { sendRecording: [(_, given) => ((signal = given.signal), new Promise((_, reject) => signal.addEventListener("abort", () => reject(new ApiError("network", "")))))] } });
  recordings.add(file());
  await settled();
  recordings.drop("job1");
  await settled();
  assert.ok(signal.aborted);
  assert.deepEqual([state().sending, store.state.aside.text], [[], ""]);
});

test("a page that comes back goes on watching, more slowly where the server is away", async () => {
  const { recordings, slept, state } = page({ list: [recording("b", "running")], answers: { recording: [new ApiError("network", ""), recording("b", "done")] } });
  await recordings.watch();
  assert.deepEqual(slept, [10, 1]);
  assert.equal(state().list[0].state, "done");
});

test("a recording that is gone leaves the list and closes", async () => {
  const { recordings, state } = page({ list: [recording("b", "running")], answers: { recording: [new ApiError("not_found", "Gone.", 404)] } });
  recordings.open("b");
  assert.deepEqual([state().open, state().focus], ["b", true]);
  await recordings.watch();
  assert.deepEqual([state().list, state().open], [[], null]);
});

test("cancel, start again, delete", async () => {
  const { recordings, state, store, calls } = page({
    list: [recording("b", "done"), recording("a", "waiting")],
    answers: { cancelRecording: [recording("a", "cancelled")], startRecording: [recording("a", "done")], removeRecording: [null, new ApiError("network", "")] },
  });
  await recordings.cancel("a");
  assert.equal(state().list[1].state, "cancelled");
  assert.match(store.state.aside.text, /^Cancelled/);
  await recordings.start("a");
  await recordings.remove("a");
  assert.deepEqual(state().list.map(({ id }) => id), ["b"]);
  await recordings.remove("b");
  assert.deepEqual(state().list.map(({ id }) => id), ["b"]);
  assert.match(store.state.aside.text, /can't be reached/);
  assert.deepEqual(calls.map(([name]) => name), ["cancelRecording", "startRecording", "removeRecording", "removeRecording"]);
});

test("a refusal is said, and the recording looked at again", async () => {
  const { recordings, state, store } = page({
    list: [recording("a", "running")],
    answers: { cancelRecording: [new ApiError("conflict", "It is done.", 409)], recording: [recording("a", "done")] },
  });
  await recordings.cancel("a");
  await settled();
  assert.equal(state().list[0].state, "done");
  assert.ok(store.state.aside.text);
});

test("delete all closes and forgets them", () => {
  const { store, state } = page({ list: [recording("a", "done")] });
  store.dispatch({ type: "recordings/opened", id: "a" });
  store.dispatch({ type: "history/cleared" });
  assert.deepEqual([state().list, state().open], [[], null]);
});

test("long is what has more than a clip's seconds, or more than a clip's bytes where nobody can tell", async () => {
  const limits = { clip_seconds: 3, max_bytes: 1000 };
  const long = (seconds, size = 10) => isLong({ size }, limits, async () => seconds);
  assert.deepEqual(await Promise.all([long(2), long(3.1), long(3.3), long(3600), long(null), long(null, 1001)]), [false, false, true, true, false, true]);
});
