// The switch between three seconds and live.

import { find, findAll } from "./dom.js";
import { SAYS } from "./messages.js";

/** `load()` resolves to live mode, when it is wanted first; `pause()` ends a recording, `complain(text)` tells a problem. */
export function modeView({ load, pause, complain }) {
  const radios = findAll("mode");
  if (radios.length === 0) return; // this server has no live mode
  const chosen = () => radios.find((radio) => radio.checked).value;
  let loading = null;
  let live = null;

  async function change() {
    if (chosen() === "live") {
      try {
        live = await (loading ??= load());
      } catch {
        loading = null; // another time it may work
        radios.find((radio) => radio.value !== "live").checked = true;
        complain(SAYS.liveAway);
      }
    }
    const isLive = chosen() === "live"; // after a while it may be another
    if (isLive) pause();
    live?.show(isLive);
    find("recorder").hidden = isLive;
    document.documentElement.dataset.mode = chosen();
  }

  for (const radio of radios) radio.addEventListener("change", change);
  change(); // browsers remember it over a reload
}
