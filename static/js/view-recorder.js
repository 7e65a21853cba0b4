// The round button, its ring and live waveform, the one live region, and the ways on.

import { button, find, follow, write } from "./dom.js";
import { WAYS } from "./messages.js";
import { bars, path } from "./waveform.js";
import { number, t } from "./words.js";

const BARS = bars(300); // of the live waveform
const NAMES = { idle: t("Record"), asking: t("Record"), recording: t("Finish") };

export function recorderView({ store, recording, ways, requestFrame = requestAnimationFrame }) {
  const root = find("recorder");
  const press = find("record");
  const ring = find("ring");
  const count = find("count", press);
  const live = find("live");
  const line = find("live-path");
  const seconds = store.state.config.limits.clip_seconds;
  let heights = [];

  function frame() {
    const { meter } = recording;
    if (!meter || store.state.recorder !== "recording") return;
    const level = meter.level();
    const now = Math.min(BARS - 1, Math.floor(meter.elapsed() * BARS));
    for (let i = heights.length; i <= now; i++) heights.push(0);
    heights[now] = Math.max(heights[now], level ** 0.6); // quiet voices show, too
    line.setAttribute("d", path(heights));
    ring.setAttribute("stroke-dashoffset", meter.elapsed());
    write(count, number(Math.max(1, Math.ceil(seconds * (1 - meter.elapsed())))));
    root.style.setProperty("--level", level.toFixed(2));
    requestFrame(frame);
  }

  function phase(now, before) {
    root.dataset.phase = now;
    write(find("record-name"), NAMES[now]);
    press.toggleAttribute("data-busy", now === "asking");
    live.hidden = now !== "recording";
    root.style.setProperty("--level", 0);
    if (now !== "recording" || before === "recording") return;
    heights = [];
    line.setAttribute("d", "");
    requestFrame(frame);
  }

  function offer(notice) {
    const box = find("ways");
    const focused = box.contains(document.activeElement);
    follow(box, notice.ways, {
      key: (way) => `${way} ${notice.job ?? ""}`,
      make: (way) => button(WAYS[way], () => ways[way](notice.job)),
      fill: () => {},
    });
    if (focused && !box.contains(document.activeElement)) press.focus();
  }

  press.addEventListener("click", () => (store.state.recorder === "recording" ? recording.finish() : recording.start()));
  document.addEventListener("keydown", (event) => event.key === "Escape" && store.state.recorder !== "idle" && recording.cancel());

  store.subscribe((state, before) => {
    if (state.recorder !== before?.recorder) phase(state.recorder, before?.recorder);
    if (state.aside !== before?.aside) find("aside").textContent = state.aside.text;
    if (!before || state.notice === before.notice) return;
    write(find("notice"), state.notice.text);
    find("notice").dataset.tone = state.notice.tone;
    offer(state.notice);
  });
}

/** One sentence to read aloud at a time, in place of the list that people without JavaScript see. */
export function promptView() {
  const list = find("sentences");
  const sentences = [...list.querySelectorAll("li")].map((item) => item.textContent);
  if (sentences.length === 0) return;
  let turn = Math.floor(Math.random() * sentences.length);
  const show = () => write(find("sentence"), sentences[turn]);
  find("next-sentence").addEventListener("click", () => {
    turn = (turn + 1) % sentences.length;
    show();
  });
  show();
  list.hidden = true;
  find("prompt").hidden = false;
}
