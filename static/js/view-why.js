// Below an answer: what of the visitor's own had a part in it, and, where somebody asks, why it is what it is.

import { find, write } from "./dom.js";
import { ownWords, WHY_AWAY, whyWords } from "./messages-own.js";

const WIDE = 300; // of the waveform's viewBox
const TALL = 64;
const DARKEST = 0.55;

export function whyView({ store, client, speak }) {
  const place = find("why", find("answer-place"));
  if (!place) return; // this server keeps no clips
  const part = (hook) => find(hook, place);
  const weights = find("weights", find("answer-place"));

  function tell(text) {
    write(part("why-words"), text);
    speak(text);
  }

  /** A shade behind each moment that spoke for the answer, the darker the more. */
  function shade(parts, duration) {
    const most = Math.max(...parts.map(({ weight }) => weight), 0.001);
    const shades = parts.map(({ start, end, weight }) => {
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const at = { x: (start / duration) * WIDE, y: 0, width: ((end - start) / duration) * WIDE, height: TALL };
      for (const [name, value] of Object.entries(at)) rect.setAttribute(name, value.toFixed(2));
      rect.setAttribute("opacity", (DARKEST * Math.max(0, weight / most)).toFixed(3));
      return rect;
    });
    weights.replaceChildren(...shades);
  }

  part("why-ask").addEventListener("click", async () => {
    const { clip } = store.state.answer;
    part("why-ask").setAttribute("aria-disabled", "true");
    try {
      const why = await client.why(clip.id);
      if (store.state.answer?.clip?.id !== clip.id) return; // another answer came meanwhile
      tell(whyWords(why));
      shade(why.parts, clip.duration_seconds);
    } catch (error) {
      tell(error.status ? error.message : WHY_AWAY);
    } finally {
      part("why-ask").removeAttribute("aria-disabled");
    }
  });

  store.subscribe(({ answer }, before) => {
    const { clip = null } = answer ?? {};
    place.hidden = !clip?.audio_url;
    if (clip?.id === before?.answer?.clip?.id) return;
    write(part("own"), clip ? ownWords(clip) : "");
    write(part("why-words"), "");
    weights.replaceChildren();
  });
}
