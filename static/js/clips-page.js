// Puts answers and the history together; fetched when there is a clip, or soon will be.

import { createHistory } from "./history.js";
import { answerView } from "./view-answer.js";
import { historyView, lingers } from "./view-history.js";
import { truthView } from "./view-truth.js";
import { whyView } from "./view-why.js";

/** What is made of it brings a clip onto the page as the answer with `show(clip)`. */
export function clipsPage({ store, client, storage, uploads, transcripts, corrections }) {
  const history = createHistory({ store, client, storage, lingers });
  const answer = answerView({
    store,
    fetchSound: async (url) => (await fetch(url)).arrayBuffer(),
    soundOf: uploads.sound,
    write: transcripts.ask,
  });
  function show(clip) {
    store.dispatch({ type: "clip/shown", clip });
    answer.focus();
  }
  if (store.state.config.history) historyView({ store, history, look: (id) => show(store.state.history.clips.find((clip) => clip.id === id)) });
  truthView({ store, say: corrections.say });
  whyView({ store, client, speak: (text) => store.dispatch({ type: "recordings/said", text }) });
  history.settleOwed();
  addEventListener("pagehide", history.leave);
  return { show };
}
