// Is this file worth sending? The same limits as the server's, which the page carries.

import { size } from "./format.js";
import { problem } from "./messages.js";
import { tMany } from "./words.js";

const minutes = (seconds) =>
  seconds < 120 ? tMany("{count} second", "{count} seconds", Math.round(seconds)) : tMany("{count} minute", "{count} minutes", Math.round(seconds / 60));

const ending = (name) => name.slice(name.lastIndexOf(".")).toLowerCase();

/**
 * A problem that stands against sending `file`, or null. `measure(file)` resolves to its seconds, or to null
 * where the browser can't tell: then the server decides.
 */
export async function check(file, { limits, accept }, measure) {
  if (file.size === 0) return problem("empty_file");
  if (!accept.includes(ending(file.name))) {
    return problem("wrong_type", { types: accept.map((type) => type.slice(1).toUpperCase()).join(", ") });
  }
  if (file.size > limits.max_bytes) return problem("too_large", { is: size(file.size), most: size(limits.max_bytes) });
  const seconds = await measure(file);
  if (seconds > limits.max_seconds) return problem("too_long", { is: minutes(seconds), most: minutes(limits.max_seconds) });
  return null;
}

/** Seconds of a sound file by its own header, without decoding it; null where the browser can't tell. */
export function measure(file, { Audio, URL } = globalThis) {
  const url = URL.createObjectURL(file);
  return new Promise((resolve) => {
    const audio = new Audio();
    audio.preload = "metadata";
    audio.ondurationchange = audio.onloadedmetadata = () => {
      if (Number.isFinite(audio.duration)) resolve(audio.duration);
      else audio.currentTime = 1e9; // WebM from a recorder doesn't say; its end does
    };
    audio.onerror = () => resolve(null);
    setTimeout(resolve, 2000, null);
    audio.src = url;
  }).finally(() => URL.revokeObjectURL(url));
}

const SLACK = 0.25; // seconds that encoders add to a clip

/** Whether a file is more than a clip: {clip_seconds, max_bytes} are a clip's limits. */
export async function isLong(file, { clip_seconds, max_bytes }, measure) {
  const seconds = await measure(file);
  return seconds === null ? file.size > max_bytes : seconds > clip_seconds + SLACK;
}

/** `measure` that asks the browser once for each file. */
export function once(measure) {
  const known = new WeakMap();
  return (file) => known.get(file) ?? known.set(file, measure(file)).get(file);
}
