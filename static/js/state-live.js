// Live mode as one value, changed by events only. Pure: no browser, no clock, no server.

import { kindName, spoken } from "./format.js";
import { SAYS } from "./messages.js";
import { LIVE_SAYS, liveEnd } from "./messages-live.js";
import { kind } from "./state-clips.js";

export const MINUTE = 60; // beats of a second each that the strip shows
const PATIENCE = 3; // skipped updates in a row, before that is said
const SPEAK_EVERY = 5000; // ms, at the earliest

/** `certainty` as in format.js. */
export const initialLive = (certainty) => ({
  certainty,
  phase: "off", // asking, connecting, on, again
  notice: { tone: "quiet", text: "" },
  voice: null, // the name of the taught voice that it hears with
  update: null, // the server's last
  skipped: 0, // updates since then
  shown: null, // the last that agreed with the one before it: what is named doesn't flicker
  beats: [], // {second, kind, share}, oldest first, at most MINUTE; kind is an emotion, "uncertain" or "silent"
  said: { kind: null, at: -SPEAK_EVERY, text: "" }, // for screen readers: not each update, only what is new
});

const say = (tone, text) => ({ tone, text });

/** What an update counts as. */
export const kindOf = (update) => (update.emotion ? kind(update) : "silent");

/** A second has one beat: the last of its updates. */
function beatsWith(beats, update, at) {
  const second = Math.floor(at / 1000);
  const beat = { second, kind: kindOf(update), share: update.confidence };
  return [...beats.filter((one) => one.second !== second && one.second > second - MINUTE), beat];
}

function saidWith(said, update, at, certainty) {
  const now = kindOf(update);
  if (now === said.kind || at - said.at < SPEAK_EVERY) return said;
  return { kind: now, at, text: update.emotion ? spoken(update, certainty) : `${LIVE_SAYS.liveSilent}.` };
}

function updated(state, { update, at }) {
  const shown = !state.shown || kindOf(state.update) === kindOf(update) ? update : state.shown;
  return {
    ...state,
    update,
    shown,
    skipped: 0,
    notice: state.notice.tone === "unsure" ? say("busy", LIVE_SAYS.listening(state.voice)) : state.notice,
    beats: beatsWith(state.beats, update, at),
    said: saidWith(state.said, shown, at, state.certainty),
  };
}

/** Seconds of each kind in the strip: [[name, seconds], ...], the most first. */
export function shares(beats) {
  const counts = new Map();
  for (const { kind: name } of beats) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => [name === "silent" ? LIVE_SAYS.liveSilent : kindName(name), count]);
}

/** Neighbouring beats of one kind: {kind, from, to} in seconds, `to` not included. */
export function runs(beats) {
  const found = [];
  for (const { kind: name, second } of beats) {
    const last = found.at(-1);
    if (last?.kind === name && last.to === second) last.to = second + 1;
    else found.push({ kind: name, from: second, to: second + 1 });
  }
  return found;
}

export function reduceLive(state, event) {
  switch (event.type) {
    case "live/asking":
      return { ...initialLive(state.certainty), phase: "asking", notice: say("busy", SAYS.asking) };
    case "live/connecting":
      return { ...state, phase: "connecting", notice: say("busy", LIVE_SAYS.connecting) };
    case "live/on":
      return { ...state, phase: "on", voice: event.voice, notice: say("busy", LIVE_SAYS.listening(event.voice)) };
    case "live/update":
      return updated(state, event);
    case "live/limited":
      return { ...state, skipped: state.skipped + 1, notice: state.skipped + 1 < PATIENCE ? state.notice : say("unsure", LIVE_SAYS.liveSkipped) };
    case "live/again":
      return { ...state, phase: "again", notice: say("error", LIVE_SAYS.liveAgain(event.seconds)) };
    case "live/ended":
      return { ...state, phase: "off", update: null, shown: null, notice: say("error", liveEnd(event.reason)) };
    case "live/failed":
      return { ...state, phase: "off", update: null, shown: null, notice: say("error", event.text) };
    case "live/stopped":
      return { ...state, phase: "off", update: null, shown: null, notice: say("quiet", event.hidden ? LIVE_SAYS.liveHidden : LIVE_SAYS.liveStopped) };
    default:
      return state;
  }
}
