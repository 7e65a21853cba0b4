// Figures, dates and labels -> words for people. Pure.

import { emotionName } from "./emotions.js";
import { locale as readers, number, percent, t, tenth } from "./words.js";

export { emotionName };

export { percent };

export const capital = (words) => words.charAt(0).toLocaleUpperCase(readers) + words.slice(1);

export const seconds = (s) => t("{seconds} s", { seconds: tenth(s) });

const two = new Intl.NumberFormat(readers, { minimumIntegerDigits: 2 });

/** 3723 -> "1:02:03", 63 -> "1:03" */
export function clock(s) {
  const whole = Math.floor(s);
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${number(minutes)}:${two.format(whole % 60)}` : `${number(Math.floor(minutes / 60))}:${two.format(minutes % 60)}:${two.format(whole % 60)}`;
}

/** Bytes -> "24.5 MB", or kB where it is small. */
export const size = (bytes) => (bytes < 2 ** 20 ? t("{size} kB", { size: number(Math.ceil(bytes / 1024)) }) : t("{size} MB", { size: tenth(bytes / 2 ** 20) }));

/** `certainty`: [[least probability, words], ...], falling; the page carries it. */
export const certain = (p, certainty) => certainty.find(([least]) => p >= least)?.[1] ?? "";

/** "strongly", "mildly" or, where that isn't clear or not told, ""; `strengths` as `certainty`. */
export const strength = (clip, strengths) => (clip.status === "uncertain" ? "" : certain(clip.intensity, strengths));

const ranked = (probabilities) => Object.entries(probabilities).sort((a, b) => b[1] - a[1]).map(([name]) => name);

/** The two likeliest: ["sad", "neutral"]. */
export const likeliest = (clip) => ranked(clip.probabilities).slice(0, 2).map(emotionName);

/** "Happy", or, where none is likely enough, "Not sure: perhaps sad or neutral". */
export function title(clip) {
  if (clip.status !== "uncertain") return capital(emotionName(clip.emotion));
  const [first, second] = likeliest(clip);
  return second ? t("Not sure: perhaps {first} or {second}", { first, second }) : t("Not sure: perhaps {first}", { first });
}

/** What a clip is called in the history: "Fear" where a person said so, else as it was heard. */
export const name = (clip) => (clip.correction ? capital(emotionName(clip.correction)) : title(clip));

/** "Fairly sure · 72%" */
export function sureness(clip, certainty) {
  if (clip.status === "uncertain") return t("No emotion is likely enough: {share} at most", { share: percent(clip.confidence) });
  return `${capital(certain(clip.confidence, certainty))} · ${percent(clip.confidence)}`;
}

/** The figure beside a clip's title; none where no emotion is named: it would read like the title's. */
export const share = (clip) => (clip.status === "uncertain" ? "" : percent(clip.confidence));

/** The figure beside its name; none where the name isn't what was heard. */
export const nameShare = (clip) => (clip.correction && clip.correction !== clip.emotion ? "" : share(clip));

/** What the one live region says of a clip: "Happy, strongly, fairly sure: 72%." */
export function spoken(clip, certainty, strengths = []) {
  if (clip.status === "uncertain") return `${title(clip)}.`;
  const words = [title(clip), strength(clip, strengths), certain(clip.confidence, certainty)].filter(Boolean);
  return `${words.join(", ")}: ${percent(clip.confidence)}.`;
}

/** Emoji of a kind of clip; `labels`: [{name, emoji}, ...]. */
export const emoji = (kind, labels) => (kind === "uncertain" ? "🤔" : (labels.find((label) => label.name === kind)?.emoji ?? ""));

/** Emoji of what was heard in a clip. */
export const face = (clip, labels) => emoji(clip.status === "uncertain" ? "uncertain" : clip.emotion, labels);

export const source = (clip) => (clip.source === "upload" ? clip.filename || t("Upload") : t("Recording"));

/** ISO time -> "Today, 14:05", "Yesterday, 14:05" or "3 Nov 2026, 14:05", in the reader's zone and language. */
export function when(iso, now = new Date(), locale = readers) {
  const date = new Date(iso);
  const clock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" }).format(date);
  const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate());
  const days = Math.round((midnight(now) - midnight(date)) / 864e5);
  if (days === 0 || days === 1) return `${capital(new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-days, "day"))}, ${clock}`;
  return `${new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" }).format(date)}, ${clock}`;
}

/** "Judged 0.4 to 3.4 s of 7.0 s" */
export function judged({ heard: [start, end], duration_seconds: all }) {
  if (end - start > all - 0.1) return t("All {seconds} s were judged", { seconds: tenth(all) });
  return t("Judged {start} to {end} s of {all} s", { start: tenth(start), end: tenth(end), all: tenth(all) });
}

/** Under an answer: of a file, which one; and what of it was judged. */
export const caption = (clip) => (clip.source === "upload" ? `${source(clip)} · ${judged(clip)}` : judged(clip));

/** The name of a label as people read it. */
export const kindName = (name) => (name === "uncertain" ? t("Not sure") : capital(emotionName(name)));

/** BCP 47 code -> "English (United States)" in the reader's language; the code itself where the browser knows none. */
export function language(code, locale = readers) {
  try {
    return new Intl.DisplayNames(locale, { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
