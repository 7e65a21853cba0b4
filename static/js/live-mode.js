// Puts live mode together; the page fetches this, and all it needs, only when live mode is chosen.

import { createLive } from "./live.js";
import { listen } from "./recorder.js";
import { initialLive, reduceLive } from "./state-live.js";
import { createStore } from "./store.js";
import { liveView } from "./view-live.js";

/** `show(shown)` brings it onto the page, or stops it and takes it away. */
export function liveMode({ labels, certainty }) {
  const store = createStore(reduceLive, initialLive(certainty));
  const live = createLive({
    dispatch: store.dispatch,
    listen,
    open: () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/stream`),
    now: () => performance.now(),
    sleep: (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds)),
  });
  return { show: liveView({ store, live, labels }) };
}
