// The timeline of the recording that is open: draw it, play it, move in it. Fetched when the first one is opened.

import { button, find, findAll, follow, template, write } from "./dom.js";
import { drawTimeline } from "./draw-timeline.js";
import { clock, face, when } from "./format.js";
import { RECORDINGS } from "./messages-recordings.js";
import { working } from "./state-recordings.js";
import { indexAt, neighbour, timeLeft, windowAround } from "./timeline.js";
import { foundView, words } from "./view-found.js";
import { showProgress } from "./view-recordings.js";

const CLOSE_UP = 60; // seconds in the lower strip; the upper one is there for longer recordings
const STEP = 5; // seconds for an arrow key,
const LEAP = 60; // and for a page key
const GUTTER = 24; // CSS pixels for the emoji of the lanes

export function timelineView({ store, recordings, client }) {
  const player = find("timeline-player");
  const slider = find("timeline-slider");
  const [whole, close] = findAll("strip");
  let shown = null; // {id, sound: {peaks, per_second}, first: where the analysis was when we first looked}
  let view = [0, 0]; // what the lower strip shows

  const recording = () => store.state.recordings.list.find((one) => one.id === shown?.id);
  const regions = () => recording()?.regions ?? [];
  const length = () => recording()?.duration_seconds ?? 0;
  const { labels } = store.state.config;

  function look(gutter) {
    const colour = (row) => getComputedStyle(find("fill", row)).fill;
    const rows = Object.fromEntries(findAll("emotion", find("timeline-shares")).map((row) => [row.dataset.emotion, row]));
    return { lanes: labels.map(({ name, emoji }) => ({ name, emoji, colour: colour(rows[name]) })), quiet: getComputedStyle(slider).color, gutter };
  }

  function draw() {
    if (!shown?.sound || find("timeline-sound").hidden) return;
    const { sound } = shown;
    const given = { ...sound, peaks: sound, regions: regions() };
    if (!whole.hidden) drawTimeline(find("picture", whole), { ...given, from: 0, to: length() }, look(0));
    drawTimeline(find("picture", close), { ...given, from: view[0], to: view[1] }, look(GUTTER));
    place();
  }

  /** Puts the heads, and the frame around what the lower strip shows, where they belong. */
  function place() {
    const time = player.currentTime;
    const put = (strip, element, at, [from, to], gutter) => {
      const x = gutter + ((at - from) / (to - from || 1)) * (strip.clientWidth - gutter);
      find(element, strip).style.transform = `translateX(${x}px)`;
    };
    put(close, "head", time, view, GUTTER);
    if (whole.hidden) return;
    put(whole, "head", time, [0, length()], 0);
    put(whole, "window", view[0], [0, length()], 0);
    find("window", whole).style.width = `${((view[1] - view[0]) / length()) * whole.clientWidth}px`;
  }

  function tell() {
    const time = player.currentTime;
    const region = regions()[indexAt(regions(), time)];
    const text = regions().length ? words(region) : "";
    write(find("timeline-face"), face({ status: region?.status, emotion: region?.emotion }, labels));
    write(find("timeline-now"), RECORDINGS.place(clock(time), clock(length()), text));
    slider.setAttribute("aria-valuenow", String(Math.floor(time)));
    slider.setAttribute("aria-valuetext", RECORDINGS.place(clock(time), clock(length()), text));
  }

  function moved() {
    const time = player.currentTime;
    const inside = time >= view[0] && time < view[1];
    if (!inside && length()) {
      view = windowAround(time, length(), CLOSE_UP);
      draw();
    } else place();
    tell();
  }

  function go(time, play = false) {
    player.currentTime = Math.max(0, Math.min(length(), time));
    if (play) player.play().catch(() => {}); // the player itself shows what is wrong
    moved();
  }

  const found = foundView({ go: (time) => go(time, true), labels });
  const keys = {
    ArrowLeft: () => go(player.currentTime - STEP),
    ArrowRight: () => go(player.currentTime + STEP),
    ArrowUp: () => go(neighbour(regions(), player.currentTime, 1)),
    ArrowDown: () => go(neighbour(regions(), player.currentTime, -1)),
    PageUp: () => go(player.currentTime + LEAP),
    PageDown: () => go(player.currentTime - LEAP),
    Home: () => go(0),
    End: () => go(length()),
    " ": () => (player.paused ? go(player.currentTime, true) : player.pause()),
  };
  slider.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  for (const [strip, gutter] of [[whole, 0], [close, GUTTER]]) {
    strip.addEventListener("click", (event) => {
      const { left, width } = strip.getBoundingClientRect();
      const [from, to] = strip === whole ? [0, length()] : view;
      go(from + Math.max(0, (event.clientX - left - gutter) / (width - gutter)) * (to - from), true);
    });
  }
  for (const event of ["timeupdate", "seeked", "pause", "loadedmetadata"]) player.addEventListener(event, moved);
  find("timeline-close").addEventListener("click", recordings.close);
  new ResizeObserver(draw).observe(slider);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  function left(one) {
    const { done_seconds: done, of_seconds: of } = one.progress;
    if (one.state !== "running") return RECORDINGS.states[one.state];
    if (!of) return RECORDINGS.reading(clock(done));
    const now = { at: performance.now() / 1000, done };
    shown.first ??= now;
    const rest = timeLeft(shown.first, now, of);
    return RECORDINGS.analysing(clock(done), clock(of), rest === null ? "" : clock(Math.ceil(rest)));
  }

  function showWork(one) {
    find("timeline-work").hidden = one.state === "done";
    showProgress(find("timeline-progress"), one, RECORDINGS.progressOf(one.filename ?? RECORDINGS.nameless));
    write(find("timeline-left"), one.error?.message ?? left(one));
    follow(find("timeline-ways"), working(one) ? ["cancel"] : one.state === "cancelled" ? ["start"] : [], {
      key: (way) => way,
      make: (way) => button(RECORDINGS.ways[way], () => recordings[way](shown.id)),
      fill: () => {},
    });
  }

  /** The sound can be heard and drawn as soon as the server has read the file. */
  async function fetchSound(one) {
    if (shown.sound !== undefined || !one.audio_url) return;
    const mine = shown;
    mine.sound = null;
    try {
      const sound = await client.peaks(one.id);
      if (shown !== mine) return;
      mine.sound = sound;
      player.src = one.audio_url;
      slider.setAttribute("aria-valuemax", String(Math.floor(one.duration_seconds)));
      whole.hidden = one.duration_seconds <= CLOSE_UP;
      view = windowAround(0, one.duration_seconds, CLOSE_UP);
      find("timeline-sound").hidden = false;
      draw();
      tell();
    } catch {
      mine.sound = undefined; // the next look tries again
    }
  }

  function show(one, { focus }) {
    shown = one && { id: one.id };
    player.removeAttribute("src");
    player.load();
    find("timeline-sound").hidden = true;
    find("timeline-all").open = false;
    find("timeline").hidden = !one;
    if (!one) return;
    write(find("timeline-title"), one.filename ?? RECORDINGS.nameless);
    if (one.state === "done" && !one.regions) recordings.look(one.id);
    document.documentElement.dataset.answered = ""; // the recorder makes room
    find("timeline").scrollIntoView({ block: "nearest" });
    if (focus) find("timeline-title").focus();
  }

  store.subscribe((state, before) => {
    if (state.recordings === before?.recordings) return;
    const one = state.recordings.list.find(({ id }) => id === state.recordings.open);
    if (one?.id !== shown?.id) show(one, state.recordings);
    if (!one) return;
    const facts = [one.duration_seconds === null ? "" : clock(one.duration_seconds), when(one.created_at), one.voice && RECORDINGS.voice(one.voice)];
    write(find("timeline-note"), facts.filter(Boolean).join(" · "));
    const old = before?.recordings.list.find(({ id }) => id === one.id);
    showWork(one);
    fetchSound(one);
    if (one === old) return;
    found.show(one);
    if (one.regions !== old?.regions) {
      draw();
      tell();
    }
  });
}
