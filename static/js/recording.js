// From the press of the button to a sound in the queue.

import { problem } from "./messages.js";
import { RecorderError } from "./recorder.js";
import { encodeWav, peak, RATE, resample } from "./wav.js";

const QUIETEST = 0.004; // of full scale, -48 dB: below it no voice can be told from the noise
const SHORTEST = 0.5; // seconds

const stamp = (date) => date.toISOString().slice(0, 19).replace(/[T:]/g, "-");

/** `record` is recorder.js's; `meter` tells level and time while a recording runs. */
export function createRecording({ store, uploads, record, seconds, now = () => new Date() }) {
  let cancel = new AbortController();
  let finish = new AbortController();
  const recording = {
    meter: null,
    async start() {
      if (store.state.recorder !== "idle") return;
      [cancel, finish] = [new AbortController(), new AbortController()];
      store.dispatch({ type: "recorder/asking" });
      try {
        const { samples, rate } = await record({
          seconds,
          cancel: cancel.signal,
          finish: finish.signal,
          onStart(meter) {
            recording.meter = meter;
            store.dispatch({ type: "recorder/recording" });
          },
        });
        hand(resample(samples, rate));
      } catch (error) {
        store.dispatch({ type: "recorder/failed", problem: problem(error.code ?? "recording_failed") });
      } finally {
        recording.meter = null;
      }
    },
    cancel: () => cancel.abort(),
    finish: () => finish.abort(),
  };

  function hand(samples) {
    if (samples.length < SHORTEST * RATE) throw new RecorderError("recording_too_short");
    if (peak(samples) < QUIETEST) throw new RecorderError("too_quiet");
    const madeAt = now();
    uploads.add({
      blob: encodeWav(samples),
      name: `recording-${stamp(madeAt)}.wav`,
      source: "recording",
      madeAt: madeAt.toISOString(),
    });
  }
  return recording;
}
