// Asks for the words after the emotion is shown, one clip at a time; the emotion never waits for them.

import { SAYS } from "./messages.js";

export function createTranscripts({ store, client }) {
  const { dispatch } = store;
  let last = Promise.resolve();

  async function ask(id) {
    dispatch({ type: "transcript/asked", id });
    try {
      dispatch({ type: "transcript/done", id, transcript: await client.transcribe(id) });
    } catch (error) {
      dispatch({ type: "transcript/failed", id, message: error.status ? error.message : SAYS.wordsAway });
    }
  }

  const transcripts = {
    /** Resolves when the words of this clip, and of those asked before it, have come or failed. */
    ask: (id) => (last = last.then(() => ask(id))),
    /** Follows the store: each clip that is new, and the shown one when a person switches words on. */
    follow(state, before) {
      if (!before || !state.settings.transcribe) return;
      const known = new Map(before.jobs.map((job) => [job.id, job.phase]));
      for (const job of state.jobs) if (job.phase === "done" && known.get(job.id) !== "done") transcripts.ask(job.clip.id);
      const shown = state.answer?.clip;
      if (!before.settings.transcribe && shown?.transcript?.status !== "done" && shown) transcripts.ask(shown.id);
    },
  };
  return transcripts;
}
