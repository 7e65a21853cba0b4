// What several tests use.

export const LABELS = [
  { name: "neutral", emoji: "😐" },
  { name: "happy", emoji: "😊" },
  { name: "sad", emoji: "😢" },
];

export const CERTAINTY = [[0.85, "very sure"], [0.65, "fairly sure"], [0.45, "leaning that way"], [0, "only a guess"]];
export const STRENGTHS = [[0.75, "strongly"], [0.25, ""], [0, "mildly"]];

export const clip = (id, changes = {}) => ({
  id,
  created_at: "2026-03-05T10:00:00+00:00",
  source: "recording",
  filename: "a.wav",
  duration_seconds: 3,
  status: "ok",
  emotion: "happy",
  confidence: 0.72,
  probabilities: { neutral: 0.2, happy: 0.72, sad: 0.08 },
  voiced_seconds: 2,
  heard: [0, 3],
  audio_url: `/api/clips/${id}/audio`,
  transcript: { status: "none", text: "", engine: null },
  ...changes,
});

export const config = (changes = {}) => ({
  labels: LABELS,
  certainty: CERTAINTY,
  strengths: STRENGTHS,
  limits: { max_bytes: 1000, max_seconds: 60, clip_seconds: 3 },
  accept: [".wav", ".mp3"],
  settings: { transcribe: true, language: "en-US" },
  clips: [],
  next: null,
  ...changes,
});

export const tone = (hertz, rate, seconds, loud = 0.5) =>
  Float32Array.from({ length: Math.round(rate * seconds) }, (_, i) => loud * Math.sin((2 * Math.PI * hertz * i) / rate));

/** Lets everything that is ready to run, run. */
export const settled = async (turns = 20) => {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** A promise with its handles outside. */
export function later() {
  const handles = {};
  const promise = new Promise((resolve, reject) => Object.assign(handles, { resolve, reject }));
  return { promise, ...handles };
}
