import assert from "node:assert/strict";
import test from "node:test";
import { RecorderError } from "../../static/js/recorder.js";
import { createRecording } from "../../static/js/recording.js";
import { initialState, reduce } from "../../static/js/state.js";
import { createStore } from "../../static/js/store.js";
import { config, later, settled, tone } from "./help.mjs";

function page(record) {
  const store = createStore(reduce, initialState(config()));
  const sounds = [];
  const uploads = { add: (sound) => sounds.push(sound) };
  const now = () => new Date("2026-03-05T10:11:12Z");
  return { store, sounds, recording: createRecording({ store, uploads, record, seconds: 3, now }) };
}

test("a voice becomes a 16 kHz WAV in the queue", async () => {
  const { recording, sounds } = page(async ({ seconds }) => ({ samples: tone(200, 48000, seconds), rate: 48000 }));
  await recording.start();
  assert.deepEqual(sounds.map(({ name, source, madeAt, blob }) => [name, source, madeAt, blob.size, blob.type]), [
    ["recording-2026-03-05-10-11-12.wav", "recording", "2026-03-05T10:11:12.000Z", 96044, "audio/wav"],
  ]);
});

test("what holds no voice isn't sent, and the sentence says why", async () => {
  for (const [samples, code] of [
    [new Float32Array(48000), "too_quiet"],
    [tone(200, 16000, 3, 0.003), "too_quiet"],
    [tone(200, 16000, 0.4), "recording_too_short"],
  ]) {
    const { recording, store, sounds } = page(async () => ({ samples, rate: 16000 }));
    await recording.start();
    assert.equal(sounds.length, 0);
    assert.equal(store.state.recorder, "idle");
    assert.equal(store.state.notice.tone, "error");
    assert.ok(store.state.notice.ways.includes("record"), code);
  }
});

test("the phases are asking, recording, and idle again after a failure", async () => {
  const permission = later();
  const { recording, store } = page(async ({ onStart }) => {
    await permission.promise;
    onStart({ level: () => 0.5, elapsed: () => 0 });
    throw new RecorderError("microphone_lost");
  });
  const phases = [];
  store.subscribe((state) => phases.at(-1) !== state.recorder && phases.push(state.recorder));
  const done = recording.start();
  recording.start(); // pressed twice: one recording
  permission.resolve();
  await done;
  assert.deepEqual(phases, ["idle", "asking", "recording", "idle"]);
  assert.equal(recording.meter, null);
});

test("cancel and finish reach the recording that runs, not the next one", async () => {
  const signals = [];
  const { recording } = page(
    ({ cancel, finish }) =>
      new Promise((_, reject) => {
        signals.push({ cancel, finish });
        cancel.addEventListener("abort", () => reject(new RecorderError("cancelled")));
      }),
  );
  const first = recording.start();
  recording.cancel();
  await first;
  recording.start();
  await settled();
  recording.finish();
  assert.deepEqual(signals.map(({ cancel, finish }) => [cancel.aborted, finish.aborted]), [[true, false], [false, true]]);
});
