// The history as far as it is loaded: {clips, next, loading, problem, filter: {emotion, search}, leaving}.
// `leaving` holds the ids of clips that are deleted on the page and may still be taken back.

import { SAYS } from "./messages.js";

/** What was heard: an emotion, or "uncertain" where none is named. */
export const heardKind = (clip) => (clip.status === "uncertain" ? "uncertain" : clip.emotion);

/** What a clip counts as in the history: what it was, where a person said so, else what was heard. */
export const kind = (clip) => clip.correction ?? heardKind(clip);

/** Would the server list this clip under this filter? */
export function matches(clip, { emotion, search }) {
  if (emotion && kind(clip) !== emotion) return false;
  const text = `${clip.transcript?.text ?? ""} ${clip.filename ?? ""}`.toLowerCase();
  return text.includes(search.trim().toLowerCase());
}

const UNSURE = { name: "uncertain", emoji: "🤔" };

/**
 * How often each kind is among the clips that aren't leaving, and how many of these were heard as something else:
 * [{name, emoji, count, fixed}], in the order of `emotions`. What the model can't answer (it isn't in `labels`) is
 * there only where somebody said so.
 */
export function spread({ clips, leaving }, labels, emotions = labels) {
  const staying = clips.filter((clip) => !leaving.includes(clip.id));
  const answers = [...labels.map((label) => label.name), UNSURE.name];
  const columns = [...emotions, UNSURE].map((emotion) => {
    const these = staying.filter((clip) => kind(clip) === emotion.name);
    return { ...emotion, count: these.length, fixed: these.filter((clip) => heardKind(clip) !== emotion.name).length };
  });
  return columns.filter((column) => column.count || answers.includes(column.name));
}

export const filtered = ({ emotion, search }) => Boolean(emotion || search.trim());

const change = (clips, id, changes) => clips.map((clip) => (clip.id === id ? { ...clip, ...changes } : clip));

const without = (list, id) => list.filter((other) => other !== id);

function add(history, clip) {
  if (!matches(clip, history.filter) || history.clips.some((other) => other.id === clip.id)) return history;
  return { ...history, clips: [clip, ...history.clips] };
}

function loaded(history, { clips, next, append }) {
  const known = new Set(append ? history.clips.map((clip) => clip.id) : []);
  const fresh = clips.filter((clip) => !known.has(clip.id));
  return { ...history, clips: append ? [...history.clips, ...fresh] : fresh, next, loading: false, problem: null };
}

export function reduceHistory(history, event) {
  switch (event.type) {
    case "job/done":
      return add(history, event.clip);
    case "history/filtered":
      return { ...history, filter: { ...history.filter, ...event.filter } };
    case "history/loading":
      return { ...history, loading: true, problem: null };
    case "history/loaded":
      return loaded(history, event);
    case "history/failed":
      return { ...history, loading: false, problem: event.message };
    case "history/cleared":
      return { ...history, clips: [], next: null, leaving: [] };
    case "clip/removed":
      return { ...history, leaving: [...without(history.leaving, event.id), event.id] };
    case "clip/restored":
      return { ...history, leaving: without(history.leaving, event.id), problem: event.failed ? SAYS.notDeleted : null };
    case "clip/gone":
      return { ...history, leaving: without(history.leaving, event.id), clips: history.clips.filter((clip) => clip.id !== event.id) };
    case "transcript/done":
      return { ...history, clips: change(history.clips, event.id, { transcript: event.transcript }) };
    case "clip/corrected":
      return { ...history, clips: change(history.clips, event.id, { correction: event.correction }) };
    default:
      return history;
  }
}
