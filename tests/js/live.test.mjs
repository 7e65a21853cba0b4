import assert from "node:assert/strict";
import test from "node:test";
import { createLive } from "../../static/js/live.js";
import { RecorderError } from "../../static/js/recorder.js";
import { initialLive, MINUTE, reduceLive, runs, shares } from "../../static/js/state-live.js";
import { createStore } from "../../static/js/store.js";
import { CERTAINTY, later, settled } from "./help.mjs";

const RATE = 48000;
const update = (changes = {}) => ({
  type: "update",
  status: "ok",
  emotion: "happy",
  confidence: 0.72,
  probabilities: { neutral: 0.2, happy: 0.72, sad: 0.08 },
  voiced_seconds: 2,
  seconds: 3,
  ...changes,
});
const SILENCE = update({ status: "no_speech", emotion: null, confidence: 0, probabilities: {} });

class FakeSocket {
  sent = [];
  bufferedAmount = 0;
  closed = false;
  send(data) {
    this.sent.push(data);
  }
  close() {
    this.closed = true;
  }
  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }
  open() {
    this.onopen();
    this.say({ type: "ready", sample_rate: 16000 });
    this.say({ type: "ready", sample_rate: RATE });
  }
}

/** The page in live mode, with a microphone that hears what `hear` is told. */
function page() {
  const store = createStore(reduceLive, initialLive(CERTAINTY));
  const sockets = [];
  const pauses = [];
  const ends = [];
  let sound = null;
  let clock = 0;
  const listen = ({ cancel, onStart, onSound }) => {
    const end = later();
    cancel.addEventListener("abort", () => end.reject(new RecorderError("cancelled")));
    ends.push(end);
    sound = { onStart: () => onStart({ level: () => 0.5 }, RATE), onSound };
    return end.promise;
  };
  const open = () => {
    sockets.push(new FakeSocket());
    return sockets.at(-1);
  };
  const sleep = (seconds) => {
    pauses.push({ seconds, ...later() });
    return pauses.at(-1).promise;
  };
  const live = createLive({ dispatch: store.dispatch, listen, open, now: () => (clock += 1000), sleep });
  const on = () => {
    live.start();
    sound.onStart();
    sockets.at(-1).open();
  };
  const hear = (blocks) => {
    for (let i = 0; i < blocks; i++) sound.onSound(new Float32Array(512).fill(0.5));
  };
  return { store, live, sockets, pauses, ends, on, hear };
}

test("from the button to updates: asking, connecting, the rate, frames of a tenth of a second", async () => {
  const { store, live, sockets, on, hear } = page();
  live.start();
  assert.equal(store.state.phase, "asking");
  live.start(); // pressed twice
  assert.equal(sockets.length, 0, "no connection before the microphone is allowed");
  live.stop();
  on();
  await settled(); // the first one's end is over, and not the second's
  assert.equal(store.state.phase, "on");
  hear(100);
  const [socket] = sockets;
  assert.deepEqual(JSON.parse(socket.sent[0]), { type: "config", sample_rate: RATE });
  assert.ok(socket.sent.slice(1).every((frame) => frame instanceof Int16Array && frame.length >= 4800 && frame.length < 4800 + 512));
  assert.equal(socket.sent.length, 11);
  assert.equal(socket.sent[1][0], 16384);
  socket.say(update());
  assert.equal(store.state.shown.emotion, "happy");
});

test("what the network can't take is skipped", () => {
  const { sockets, on, hear } = page();
  on();
  sockets[0].bufferedAmount = 2 * RATE; // a second
  hear(100);
  assert.equal(sockets[0].sent.length, 1);
});

test("Stop lets microphone and connection go; what comes late changes nothing", async () => {
  const { store, live, sockets, on } = page();
  on();
  live.stop();
  await settled();
  assert.ok(sockets[0].closed);
  assert.deepEqual([store.state.phase, store.state.notice.tone], ["off", "quiet"]);
  sockets[0].say(update());
  sockets[0].onclose();
  assert.equal(store.state.update, null);
  assert.equal(live.meter, null);
  on();
  assert.equal(store.state.phase, "on");
});

test("a page that goes out of sight says why it stopped", () => {
  const { store, live, on } = page();
  live.leave(); // nothing runs
  assert.equal(store.state.notice.text, "");
  on();
  live.leave();
  assert.match(store.state.notice.text, /out of sight/);
});

test("a broken connection is tried again with longer and longer pauses, and then given up", async () => {
  const { store, sockets, pauses, on } = page();
  on();
  for (const seconds of [1, 2, 4, 8, 8]) {
    sockets.at(-1).onclose();
    assert.equal(store.state.phase, "again");
    assert.match(store.state.notice.text, new RegExp(`${seconds} s`));
    assert.equal(pauses.at(-1).seconds, seconds);
    pauses.at(-1).resolve();
    await settled();
  }
  sockets.at(-1).onclose();
  assert.deepEqual([store.state.phase, store.state.notice.tone], ["off", "error"]);
  assert.equal(sockets.length, 6);
});

test("an update makes the next break a first one; Stop during the pause ends it", async () => {
  const { store, live, sockets, pauses, on } = page();
  on();
  for (let i = 0; i < 3; i++) {
    sockets.at(-1).say(update());
    sockets.at(-1).onclose();
    assert.equal(pauses.at(-1).seconds, 1);
    if (i === 2) live.stop();
    pauses.at(-1).resolve();
    await settled();
    if (i < 2) sockets.at(-1).open();
  }
  assert.equal(sockets.length, 3);
  assert.equal(store.state.phase, "off");
});

test("the server's end is said in words; only a pause of its own is waited for", async () => {
  for (const [code, phase, words] of [
    ["session_over", "off", /ten minutes/],
    ["too_many_sessions", "off", /other windows/],
    ["bad_model", "off", /no model/],
    ["going_away", "again", /trying again/],
    ["overloaded", "again", /trying again/],
  ]) {
    const { store, sockets, on } = page();
    on();
    sockets[0].say({ type: "closing", code, message: "There is no model: train one." });
    sockets[0].onclose();
    await settled();
    assert.equal(store.state.phase, phase, code);
    assert.match(store.state.notice.text, words);
  }
});

test("each failure of the microphone has its sentence", async () => {
  const { store, live, ends } = page();
  live.start();
  ends[0].reject(new RecorderError("permission_denied"));
  await settled();
  assert.deepEqual([store.state.phase, store.state.notice.tone], ["off", "error"]);
  assert.match(store.state.notice.text, /may not use the microphone/);
});

const after = (events, state = initialLive(CERTAINTY)) => events.reduce(reduceLive, state);
const at = (seconds, one = update()) => ({ type: "live/update", update: one, at: 1000 * seconds });
const sad = update({ emotion: "sad", confidence: 0.5 });

test("what is named changes when two updates agree; the bars follow each", () => {
  const state = after([at(1), at(1.4, sad)]);
  assert.deepEqual([state.shown.emotion, state.update.emotion], ["happy", "sad"]);
  assert.equal(after([at(1.8, sad)], state).shown.emotion, "sad");
  assert.equal(after([at(1.8, SILENCE)], state).shown.emotion, "happy");
});

test("the strip holds a minute, a beat a second, and knows gaps", () => {
  const state = after(Array.from({ length: 250 }, (_, i) => at(i * 0.4, i % 2 ? update() : sad)));
  assert.equal(state.beats.length, MINUTE);
  assert.deepEqual(state.beats.map((beat) => beat.second), Array.from({ length: MINUTE }, (_, i) => 40 + i));
  const gap = after([at(0), at(1), at(5), at(6, SILENCE)]);
  assert.deepEqual(runs(gap.beats), [
    { kind: "happy", from: 0, to: 2 },
    { kind: "happy", from: 5, to: 6 },
    { kind: "silent", from: 6, to: 7 },
  ]);
  assert.deepEqual(shares(gap.beats), [["Happy", 3], ["No speech", 1]]);
  assert.deepEqual(after([at(100)], gap).beats.length, 1, "what is over is gone");
});

test("it is said aloud when it changes, and not more often than every five seconds", () => {
  const said = new Set();
  let state = initialLive(CERTAINTY);
  for (let i = 0; i < 60; i++) {
    state = reduceLive(state, at(i * 0.4, Math.floor(i / 4) % 2 ? sad : update()));
    said.add(state.said);
  }
  assert.ok(said.size <= 5, `${said.size} times in 24 s`);
  assert.equal([...said][0].text, "Happy, fairly sure: 72%.");
  assert.equal(after([at(1, SILENCE)]).said.text, "No speech.");
});

test("the voice that it hears with is named", () => {
  const on = after([{ type: "live/on", voice: "Ann" }]);
  assert.match(on.notice.text, /“Ann”/);
  assert.doesNotMatch(after([{ type: "live/on", voice: null }]).notice.text, /“/);
});

test("a busy server is mentioned when it lasts, until it isn't", () => {
  const once = after([{ type: "live/on" }, { type: "live/limited" }, { type: "live/limited" }]);
  assert.match(once.notice.text, /Listening/);
  const long = after([{ type: "live/limited" }], once);
  assert.match(long.notice.text, /busy/);
  assert.match(after([at(1)], long).notice.text, /Listening/);
});
