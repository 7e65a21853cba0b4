// What a person says about an answer, and whether that may train the model. Shown at once, taken back where
// the server didn't hear of it.

import { SAYS } from "./messages.js";

export function createCorrections({ store, client }) {
  const complain = (error, otherwise) => store.dispatch({ type: "notice/said", tone: "error", text: error.status ? error.message : otherwise });
  let last = Promise.resolve();

  async function send({ id, correction: before }, correction) {
    try {
      await (correction ? client.correct(id, correction) : client.uncorrect(id));
    } catch (error) {
      store.dispatch({ type: "clip/corrected", id, correction: before });
      complain(error, SAYS.correctionAway);
    }
  }

  return {
    /** Says what this clip was (null: takes that back); one after the other, so that the last one counts. */
    say(clip, correction) {
      store.dispatch({ type: "clip/corrected", id: clip.id, correction });
      return (last = last.then(() => send(clip, correction)));
    },
    /** May corrected clips train the model? */
    async allow(training) {
      const before = store.state.consent;
      try {
        store.dispatch({ type: "consent/changed", consent: await client.consent({ training }) });
      } catch (error) {
        store.dispatch({ type: "consent/changed", consent: { ...before } });
        complain(error, SAYS.settingsAway);
      }
    },
  };
}
