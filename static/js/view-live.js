// Live mode on the page: the emotion now, its bars, and the last minute as a strip.

import { find, findAll, follow, template, write } from "./dom.js";
import { face, kindName, likeliest, percent, sureness } from "./format.js";
import { lastMinute, LIVE_SAYS } from "./messages-live.js";
import { kindOf, MINUTE, runs, shares } from "./state-live.js";

const SHORTEST_RUN = 3; // seconds; a shorter one gets no face below the strip
const SILENT = "🤫";

/** Returns what shows and hides it. */
export function liveView({ store, live, labels, requestFrame = requestAnimationFrame }) {
  const root = template("live");
  find("recorder").after(root);
  const press = find("live-press", root);
  const card = find("now", root);
  const part = (hook) => find(hook, card);
  const strip = part("beats");
  strip.replaceChildren(...Array.from({ length: MINUTE }, () => document.createElement("span")));
  for (const span of strip.children) span.className = "beat";

  const running = () => store.state.phase !== "off";
  const faceOf = (update) => (update.emotion ? face(update, labels) : SILENT);
  const faceOfKind = (kind) => (kind === "silent" ? "" : face({ status: kind, emotion: kind }, labels));

  function frame() {
    if (!live.meter) return;
    card.style.setProperty("--level", live.meter.level().toFixed(2));
    requestFrame(frame);
  }

  function showNow({ update, shown, certainty }) {
    const kind = shown && kindOf(shown);
    card.dataset.emotion = kind ?? "silent";
    write(part("now-face"), kind ? faceOf(shown) : "👂");
    write(part("now-title"), !kind ? LIVE_SAYS.liveWaiting : kind === "silent" ? LIVE_SAYS.liveSilent : kindName(kind));
    write(part("now-sure"), words(shown, certainty));
    for (const row of findAll("emotion", part("now-bars"))) {
      const p = update?.probabilities[row.dataset.emotion] ?? 0;
      find("fill", row).setAttribute("width", `${(p * 100).toFixed(1)}%`);
      write(find("share", row), update?.emotion ? percent(p) : "");
      row.toggleAttribute("data-most", row.dataset.emotion === kind);
    }
  }

  function words(shown, certainty) {
    if (!shown?.emotion) return LIVE_SAYS.liveSpeak;
    return shown.status === "uncertain" ? LIVE_SAYS.livePerhaps(likeliest(shown)) : sureness(shown, certainty);
  }

  function showMinute(beats) {
    const last = beats.at(-1)?.second ?? 0;
    const column = (second) => MINUTE - last + second; // the last beat stands at the right end, in column MINUTE
    const bySecond = new Map(beats.map((beat) => [beat.second, beat]));
    [...strip.children].forEach((span, i) => {
      const beat = bySecond.get(last - MINUTE + 1 + i);
      span.dataset.emotion = beat?.kind ?? "";
      span.style.setProperty("--share", (beat?.share ?? 0).toFixed(2));
    });
    follow(part("runs"), runs(beats).filter(({ kind, from, to }) => kind !== "silent" && to - from >= SHORTEST_RUN), {
      key: ({ kind, from }) => `${kind} ${from}`,
      make: () => document.createElement("span"),
      fill(span, { kind, from, to }) {
        write(span, faceOfKind(kind));
        span.style.setProperty("grid-column", `${Math.max(1, column(from))} / ${column(to)}`);
      },
    });
    part("minute").setAttribute("aria-label", lastMinute(shares(beats)));
  }

  press.addEventListener("click", () => (running() ? live.stop() : live.start()));
  document.addEventListener("keydown", (event) => event.key === "Escape" && live.stop());
  document.addEventListener("visibilitychange", () => document.hidden && live.leave());
  addEventListener("pagehide", live.leave);

  store.subscribe((state, before) => {
    root.dataset.phase = state.phase;
    write(find("live-name", root), state.phase === "off" ? LIVE_SAYS.liveStart : LIVE_SAYS.liveStop);
    write(find("live-notice", root), state.notice.text);
    find("live-notice", root).dataset.tone = state.notice.tone;
    write(find("live-spoken", root), state.said.text);
    card.hidden = state.phase === "off" && state.beats.length === 0;
    if (state.phase === "on" && before?.phase !== "on") requestFrame(frame);
    if (state.update !== before?.update) showNow(state);
    if (state.beats !== before?.beats) showMinute(state.beats);
  });
  return (shown) => {
    root.hidden = !shown;
    if (!shown) live.stop();
  };
}
