// Is this file worth sending? The same limits as the server's, which the page carries.

import { size } from "./format.js";
import { problem } from "./messages.js";

const minutes = (seconds) => (seconds < 120 ? `${Math.round(seconds)} seconds` : `${Math.round(seconds / 60)} minutes`);

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
    audio.onloadedmetadata = () => resolve(Number.isFinite(audio.duration) ? audio.duration : null);
    audio.onerror = () => resolve(null);
    setTimeout(resolve, 2000, null);
    audio.src = url;
  }).finally(() => URL.revokeObjectURL(url));
}
