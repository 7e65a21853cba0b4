// Samples -> a WAV file as the server likes it best: 16 kHz, mono, 16 bit. Pure; no browser API but Blob.

export const RATE = 16000;
const ZEROS = 16; // zero crossings of the windowed sinc to each side
const HEADER = 44;

const gcd = (a, b) => (b ? gcd(b, a % b) : a);

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** One short filter for each of the `up` positions an output sample can have between two input samples. */
function filters(up, cutoff, reach) {
  return Array.from({ length: up }, (_, phase) => {
    const taps = new Float32Array(2 * reach);
    let sum = 0;
    for (let i = 0; i < taps.length; i++) {
      const distance = i - reach + 1 - phase / up;
      const window = Math.abs(distance) >= reach ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * distance) / reach);
      sum += taps[i] = sinc(distance * cutoff) * window;
    }
    return taps.map((tap) => tap / sum);
  });
}

/** Float32Array at `from` Hz -> the same sound at `to` Hz, band-limited (windowed sinc, polyphase). */
export function resample(samples, from, to = RATE) {
  if (from === to || samples.length === 0) return samples;
  const divisor = gcd(from, to);
  const [up, down] = [to / divisor, from / divisor];
  const cutoff = Math.min(1, to / from) * 0.95; // a little below Nyquist: room for the filter to fall
  const reach = Math.ceil(ZEROS / cutoff);
  const bank = filters(up, cutoff, reach);
  const out = new Float32Array(Math.round((samples.length * to) / from));
  for (let n = 0; n < out.length; n++) {
    const base = Math.floor((n * down) / up) - reach + 1;
    const taps = bank[(n * down) % up];
    const last = Math.min(taps.length, samples.length - base);
    let sum = 0;
    for (let i = Math.max(0, -base); i < last; i++) sum += taps[i] * samples[base + i];
    out[n] = sum;
  }
  return out;
}

/** A sample in [-1, 1] -> 16 bits; louder ones are clipped. */
function sixteen(sample) {
  const bounded = Math.max(-1, Math.min(1, sample));
  return Math.round(bounded < 0 ? bounded * 0x8000 : bounded * 0x7fff);
}

/** Float32Array in [-1, 1] -> Int16Array. */
export const pcm = (samples) => Int16Array.from(samples, sixteen);

/** Float32Array in [-1, 1] -> Blob of type audio/wav. Louder samples are clipped. */
export function encodeWav(samples, rate = RATE) {
  const view = new DataView(new ArrayBuffer(HEADER + samples.length * 2));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, HEADER - 8 + samples.length * 2, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // length of the format part
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // mono
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true); // bytes a second
  view.setUint16(32, 2, true); // bytes a sample
  view.setUint16(34, 16, true); // bits a sample
  text(36, "data");
  view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, i) => view.setInt16(HEADER + i * 2, sixteen(sample), true));
  return new Blob([view.buffer], { type: "audio/wav" });
}

/** ArrayBuffer of a 16-bit mono PCM WAV -> Int16Array of its samples, or null where it is anything else. */
export function decodeWav(buffer) {
  const view = new DataView(buffer);
  const tag = (at) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  if (buffer.byteLength < HEADER || tag(0) !== "RIFF" || tag(8) !== "WAVE") return null;
  for (let at = 12; at + 8 <= buffer.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    if (tag(at) === "fmt " && (view.getUint16(at + 8, true) !== 1 || view.getUint16(at + 22, true) !== 16)) return null;
    if (tag(at) === "data") {
      const bytes = Math.min(size, buffer.byteLength - at - 8) & ~1;
      return new Int16Array(buffer.slice(at + 8, at + 8 + bytes));
    }
    at += 8 + size + (size & 1);
  }
  return null;
}

/** The loudest sample, between 0 and 1. */
export const peak = (samples) => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
