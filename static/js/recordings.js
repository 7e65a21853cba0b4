// The doings of long recordings: send, watch until they are done, cancel, start again, delete.
// A file is held only by this page: what was not sent when it closes must be chosen again.

import { serverProblem } from "./messages.js";
import { RECORDINGS } from "./messages-recordings.js";
import { working } from "./state-recordings.js";

const WATCH = 1; // seconds between two looks at what is being analysed,
const PATIENCE = 10; // and where the server can't be reached

const someId = () => Math.random().toString(36).slice(2);
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

export function createRecordings({ store, client, sleep = pause, newId = someId }) {
  const { dispatch } = store;
  const held = new Map(); // id -> {blob, name, oneVoice, abort}
  let line = Promise.resolve(); // one is sent at a time
  let watching = false;

  const say = (text) => dispatch({ type: "recordings/said", text });

  function know(recording) {
    const before = store.state.recordings.list.find((one) => one.id === recording.id);
    dispatch({ type: "recordings/known", recording });
    if (before?.state !== recording.state && RECORDINGS.said[recording.state]) say(RECORDINGS.said[recording.state](recording));
  }

  /** Asks once how a recording is; false where the server can't be reached. */
  async function look(id) {
    try {
      know(await client.recording(id));
    } catch (error) {
      if (error.status !== 404) return false;
      dispatch({ type: "recordings/gone", id });
    }
    return true;
  }

  /** Looks at everything unfinished until nothing is. */
  async function watch() {
    if (watching) return;
    watching = true;
    for (let busy; (busy = store.state.recordings.list.filter(working)).length > 0; ) {
      const reached = await Promise.all(busy.map((one) => look(one.id)));
      await sleep(reached.every(Boolean) ? WATCH : PATIENCE);
    }
    watching = false;
  }

  async function send(id) {
    const sound = held.get(id);
    if (!sound) return; // given up while it waited
    dispatch({ type: "recordings/sending", job: { id, name: sound.name, size: sound.blob.size } });
    try {
      const onProgress = (sent) => dispatch({ type: "recordings/progress", id, sent });
      const recording = await client.sendRecording(sound.blob, { name: sound.name, oneVoice: sound.oneVoice, onProgress, signal: sound.abort.signal });
      held.delete(id);
      dispatch({ type: "recordings/dropped", id });
      know(recording);
      if (!store.state.recordings.open) dispatch({ type: "recordings/opened", id: recording.id });
      watch();
    } catch (error) {
      if (!held.has(id)) return;
      const problem = serverProblem(error, "upload");
      dispatch({ type: "recordings/unsent", id, problem: error.status ? problem : { ...problem, text: RECORDINGS.notSent } });
      say(problem.text);
    }
  }

  /** `call` on the server; what it answers is known, what it refuses is said. */
  async function act(call, id) {
    try {
      know(await call(id));
      watch();
    } catch (error) {
      say(error.message || RECORDINGS.away);
      look(id);
    }
  }

  return {
    /** `oneVoice`: only the voice that is switched on speaks in it. */
    add(blob, { oneVoice = false } = {}) {
      const id = newId();
      held.set(id, { blob, name: blob.name, oneVoice, abort: new AbortController() });
      dispatch({ type: "recordings/sending", job: { id, name: blob.name, size: blob.size } });
      line = line.then(() => send(id));
      return id;
    },
    refuse(file, problem) {
      const id = newId();
      dispatch({ type: "recordings/sending", job: { id, name: file.name, size: file.size } });
      dispatch({ type: "recordings/unsent", id, problem });
      say(problem.text);
    },
    resend: (id) => (line = line.then(() => send(id))),
    /** Gives up what is on its way. */
    drop(id) {
      const sound = held.get(id);
      held.delete(id);
      sound?.abort.abort();
      dispatch({ type: "recordings/dropped", id });
    },
    cancel: (id) => act(client.cancelRecording, id),
    start: (id) => act(client.startRecording, id),
    async remove(id) {
      try {
        await client.removeRecording(id);
      } catch (error) {
        if (error.status !== 404) return say(error.message || RECORDINGS.away);
      }
      dispatch({ type: "recordings/gone", id });
      say(RECORDINGS.deleted);
    },
    open: (id) => dispatch({ type: "recordings/opened", id, focus: true }),
    close: () => dispatch({ type: "recordings/opened", id: null }),
    look,
    watch,
  };
}
