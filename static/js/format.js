// Figures and dates -> words for people. Pure.

export const percent = (p) => `${Math.round(p * 100)}\u00a0%`; // never broken between two lines

export const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

export const seconds = (s) => `${s.toFixed(1)} s`;

/** Bytes -> "24.5 MB", or kB where it is small. */
export const size = (bytes) => (bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} kB` : `${(bytes / 2 ** 20).toFixed(1)} MB`);

/** `certainty`: [[least probability, words], ...], falling; the page carries it. */
export const certain = (p, certainty) => certainty.find(([least]) => p >= least)?.[1] ?? "";

const ranked = (probabilities) => Object.entries(probabilities).sort((a, b) => b[1] - a[1]).map(([name]) => name);

/** "Happy", or for a clip that no emotion stands out of "Not sure: perhaps sad or neutral". */
export function title(clip) {
  if (clip.status !== "uncertain") return capital(clip.emotion);
  return `Not sure: perhaps ${ranked(clip.probabilities).slice(0, 2).join(" or ")}`;
}

/** "Fairly sure · 72 %" */
export function sureness(clip, certainty) {
  if (clip.status === "uncertain") return `No emotion stands out: ${percent(clip.confidence)} at most`;
  return `${capital(certain(clip.confidence, certainty))} · ${percent(clip.confidence)}`;
}

/** The figure beside a clip's title; none where no emotion is named: it would read like the title's. */
export const share = (clip) => (clip.status === "uncertain" ? "" : percent(clip.confidence));

/** What the one live region says of a clip: "Happy, fairly sure: 72 %." */
export function spoken(clip, certainty) {
  if (clip.status === "uncertain") return `${title(clip)}.`;
  return `${title(clip)}, ${certain(clip.confidence, certainty)}: ${percent(clip.confidence)}.`;
}

/** Emoji of a clip; `labels`: [{name, emoji}, ...]. */
export const face = (clip, labels) => (clip.status === "uncertain" ? "🤔" : (labels.find((label) => label.name === clip.emotion)?.emoji ?? ""));

export const source = (clip) => (clip.source === "upload" ? clip.filename || "Upload" : "Recording");

/** ISO time -> "Today, 14:05", "Yesterday, 14:05" or "3 Nov 2026, 14:05", in the reader's zone and language. */
export function when(iso, now = new Date(), locale = undefined) {
  const date = new Date(iso);
  const clock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" }).format(date);
  const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate());
  const days = Math.round((midnight(now) - midnight(date)) / 864e5);
  if (days === 0 || days === 1) return `${capital(new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-days, "day"))}, ${clock}`;
  return `${new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" }).format(date)}, ${clock}`;
}

/** "Judged 0.4 to 3.4 s of 7.0 s" */
export function judged({ heard: [start, end], duration_seconds: all }) {
  if (end - start > all - 0.1) return `All ${seconds(all)} were judged`;
  return `Judged ${start.toFixed(1)} to ${seconds(end)} of ${seconds(all)}`;
}

/** Under an answer: of a file, which one; and what of it was judged. */
export const caption = (clip) => (clip.source === "upload" ? `${source(clip)} · ${judged(clip)}` : judged(clip));

/** The name of a label as people read it. */
export const kindName = (name) => (name === "uncertain" ? "Not sure" : capital(name));

/** BCP 47 code -> "English (United States)" in the reader's language; the code itself where the browser knows none. */
export function language(code, locale = undefined) {
  try {
    return new Intl.DisplayNames(locale, { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
