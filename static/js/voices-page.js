// Puts the visitor's voices together; fetched where there are some, or with the first use.

import { createStore } from "./store.js";
import { voicesView } from "./view-voices.js";
import { createVoices, reduceVoices } from "./voices.js";

export function voicesPage({ store, client, record, sentences }) {
  const speak = (text) => store.dispatch({ type: "recordings/said", text });
  const own = createStore(reduceVoices, { list: [], lesson: null, said: { tone: "quiet", text: "" } });
  const voices = createVoices({ store: own, client, record, sentences, speak });
  voicesView({ store: own, voices });
  voices.load();
  store.subscribe((state, before) => before && state.history.clips !== before.history.clips && !state.history.clips.length && voices.load());
}
