// Long recordings: {list, sending, open, focus}. `list` holds what the server knows, newest first; `sending` what is on
// its way there: {id, name, size, sent, problem}; `open` is the id of the recording whose timeline is shown, `focus`
// whether somebody asked to see it.

export const working = (recording) => recording.state === "waiting" || recording.state === "running";

const changed = (list, id, changes) => list.map((one) => (one.id === id ? { ...one, ...changes } : one));
const without = (list, id) => list.filter((one) => one.id !== id);

function known(list, recording) {
  if (list.some((one) => one.id === recording.id)) return changed(list, recording.id, recording);
  return [recording, ...list].sort((a, b) => (a.id < b.id ? 1 : -1)); // ids sort by age
}

export function reduceRecordings(recordings, event) {
  const { list, sending, open } = recordings;
  switch (event.type) {
    case "recordings/sending":
      return { ...recordings, sending: [...without(sending, event.job.id), { sent: 0, problem: null, ...event.job }] };
    case "recordings/progress":
      return { ...recordings, sending: changed(sending, event.id, { sent: event.sent }) };
    case "recordings/unsent":
      return { ...recordings, sending: changed(sending, event.id, { problem: event.problem }) };
    case "recordings/dropped":
      return { ...recordings, sending: without(sending, event.id) };
    case "recordings/known":
      return { ...recordings, list: known(list, event.recording) };
    case "recordings/gone":
      return { ...recordings, list: without(list, event.id), open: open === event.id ? null : open };
    case "recordings/opened":
      return { ...recordings, open: event.id, focus: Boolean(event.focus) };
    case "history/cleared":
      return { ...recordings, list: [], open: null };
    default:
      return recordings;
  }
}
