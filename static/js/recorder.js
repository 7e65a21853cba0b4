// Microphone -> samples, once or as they come. Knows no page and no server; always lets the microphone go.

const WANTED = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true };
const WORKLET = new URL("capture-worklet.js", import.meta.url);
const PATIENCE = 5000; // ms until a microphone that gives no sound at all counts as busy

const CODES = {
  NotAllowedError: "permission_denied",
  SecurityError: "permission_denied",
  NotFoundError: "no_microphone",
  OverconstrainedError: "no_microphone",
  NotReadableError: "microphone_busy",
  AbortError: "microphone_busy",
};

/** Why there is no recording; `code` is a key of messages.js. */
export class RecorderError extends Error {
  constructor(code, cause) {
    super(code, { cause });
    this.code = code;
  }
}

const failure = (error) => (error instanceof RecorderError ? error : new RecorderError(CODES[error?.name] ?? "recording_failed", error));

const letGo = (stream) => stream?.getTracks().forEach((track) => track.stop());

function demand(browser) {
  if (browser.isSecureContext === false) throw new RecorderError("insecure_page");
  if (!browser.navigator.mediaDevices?.getUserMedia || !browser.AudioWorkletNode) throw new RecorderError("unsupported_browser");
}

/** Rejects when `signal` is aborted, also when it was before. */
function aborted(signal) {
  return new Promise((_, reject) => {
    const stop = () => reject(new RecorderError("cancelled"));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
  });
}

function join(chunks, length) {
  const samples = new Float32Array(length);
  let at = 0;
  for (const chunk of chunks) {
    samples.set(chunk.subarray(0, length - at), at);
    at += Math.min(chunk.length, length - at);
  }
  return samples;
}

/** What a view may ask while recording: the level now (0 to 1), and how much of the time is over (0 to 1). */
function meter(context, analyser, seconds) {
  const window = new Float32Array(analyser.fftSize);
  const started = context.currentTime;
  return {
    level() {
      analyser.getFloatTimeDomainData(window);
      return window.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    },
    elapsed: () => Math.min(1, (context.currentTime - started) / seconds),
  };
}

/** Hands each block of sound to `onSound(samples, done)`, until it calls `done`, `finish` is aborted, or something fails. */
function hear(context, stream, { seconds, finish, cancelled, onStart, onSound, browser }) {
  const source = context.createMediaStreamSource(stream);
  const analyser = context.createAnalyser();
  const tap = new browser.AudioWorkletNode(context, "capture");
  source.connect(analyser);
  source.connect(tap);
  tap.connect(context.destination); // silent; some browsers run only what leads somewhere

  return new Promise((resolve, reject) => {
    let started = false;
    const patience = setTimeout(() => reject(new RecorderError("microphone_busy")), PATIENCE);
    tap.port.onmessage = ({ data }) => {
      clearTimeout(patience);
      if (!started) onStart(meter(context, analyser, seconds), context.sampleRate);
      started = true;
      onSound(data, resolve);
    };
    finish?.addEventListener("abort", resolve, { once: true });
    cancelled.catch(reject).finally(() => clearTimeout(patience));
    for (const track of stream.getTracks()) track.addEventListener("ended", () => reject(new RecorderError("microphone_lost")));
  }).finally(() => {
    tap.port.onmessage = null;
    source.disconnect();
    tap.disconnect();
  });
}

/** Opens the microphone for `work(context, stream, cancelled)`, and lets it go whatever becomes of that. */
async function withMicrophone({ cancel, browser }, work) {
  let stream = null;
  let context = null;
  let over = false;
  const take = (given) => {
    stream = given;
    if (over) letGo(given); // allowed only after Cancel
  };
  try {
    demand(browser);
    const cancelled = aborted(cancel);
    cancelled.catch(() => {});
    context = new browser.AudioContext(); // within the click: some browsers let it run only then
    const loaded = context.audioWorklet.addModule(WORKLET).catch((error) => {
      throw new RecorderError("recorder_away", error);
    });
    loaded.catch(() => {});
    const asked = browser.navigator.mediaDevices.getUserMedia({ audio: WANTED });
    asked.then(take, () => {});
    await Promise.race([asked, cancelled]);
    await Promise.race([Promise.all([loaded, context.resume()]), cancelled]);
    return await work(context, stream, cancelled);
  } catch (error) {
    throw failure(error);
  } finally {
    over = true;
    letGo(stream);
    context?.close().catch(() => {}); // nobody waits for it
  }
}

/**
 * Records once.
 *
 * `cancel` and `finish` are AbortSignals: throw the recording away, or keep what there is so far.
 * `onStart(meter)` is called when the first sound arrives. Resolves to {samples: Float32Array, rate};
 * rejects with a RecorderError and nothing else.
 */
export function record({ seconds, cancel, finish, onStart, browser = globalThis }) {
  return withMicrophone({ cancel, browser }, async (context, stream, cancelled) => {
    const wanted = Math.round(seconds * context.sampleRate);
    const chunks = [];
    let length = 0;
    const onSound = (block, done) => {
      chunks.push(block);
      length += block.length;
      if (length >= wanted) done();
    };
    await hear(context, stream, { seconds, finish, cancelled, onStart, onSound, browser });
    return { samples: join(chunks, Math.min(length, wanted)), rate: context.sampleRate };
  });
}

/**
 * Listens until `cancel` is aborted: `onStart(meter, rate)` once, then `onSound(samples)` for each block of some 10 ms.
 * Never resolves; rejects with a RecorderError, whose code is "cancelled" in the end.
 */
export function listen({ cancel, onStart, onSound, browser = globalThis }) {
  return withMicrophone({ cancel, browser }, (context, stream, cancelled) =>
    hear(context, stream, { seconds: Infinity, cancelled, onStart, onSound, browser }),
  );
}
