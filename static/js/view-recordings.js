// The list of long recordings: what is on its way, what is analysed, what is done.

import { button, find, follow, template, write } from "./dom.js";
import { clock, size, when } from "./format.js";
import { RECORDINGS } from "./messages-recordings.js";
import { working } from "./state-recordings.js";

const WAYS = { waiting: ["open", "cancel"], running: ["open", "cancel"], done: ["open", "remove"], failed: ["start", "remove"], cancelled: ["start", "remove"] };

function waysOf(one) {
  if (one.problem) return [...(one.problem.ways.includes("resend") ? ["resend"] : []), "drop"];
  if (!one.state) return ["drop"];
  return WAYS[one.state].filter((way) => way !== "start" || one.error?.code === "internal" || one.error?.code === "storage_unavailable" || one.state === "cancelled");
}

const named = (one) => one.filename ?? one.name ?? RECORDINGS.nameless;

function note(one) {
  if (one.problem) return one.problem.text;
  if (!one.state) return RECORDINGS.sending(size(one.size));
  const length = one.duration_seconds === null ? "" : `${clock(one.duration_seconds)} · `;
  return `${length}${when(one.created_at)} · ${one.error?.message ?? RECORDINGS.states[one.state]}`;
}

/** How much is done, from 0 to 1; undefined where nobody knows. */
export function progress(one) {
  if (!one.state) return one.sent < 1 ? one.sent : undefined;
  const { done_seconds: done, of_seconds: of } = one.progress;
  return one.state === "running" && of ? Math.min(1, done / of) : undefined;
}

/** Fills a <progress>: hidden where nothing is going on. */
export function showProgress(element, one, name) {
  element.hidden = Boolean(one.problem) || (Boolean(one.state) && !working(one));
  element.setAttribute("aria-label", name);
  const done = progress(one);
  if (done === undefined) element.removeAttribute("value");
  else element.value = done;
}

/** `ways`: what each button does, called with the id. */
export function recordingsView({ store, ways }) {
  const list = find("recordings-list");
  const ask = find("forget");
  let doomed = null;
  const does = {
    ...ways,
    remove(id) {
      doomed = id;
      ask.returnValue = "";
      ask.showModal();
    },
  };
  ask.addEventListener("close", () => ask.returnValue === "delete" && ways.remove(doomed));

  function fill(element, one) {
    const name = named(one);
    element.dataset.state = one.problem || one.state === "failed" ? "failed" : (one.state ?? "sending");
    write(find("name", element), name);
    write(find("note", element), note(one));
    showProgress(find("progress", element), one, RECORDINGS.progressOf(name));
    follow(find("ways", element), waysOf(one), {
      key: (way) => way,
      make: (way) => {
        const made = button(RECORDINGS.ways[way], () => does[way](one.id), way === "remove" ? "link link--danger" : "link");
        made.setAttribute("aria-label", `${RECORDINGS.ways[way]}: ${name}`);
        return made;
      },
      fill: () => {},
    });
  }

  store.subscribe((state, before) => {
    if (state.recordings === before?.recordings) return;
    const { sending, list: known } = state.recordings;
    const focused = list.contains(document.activeElement);
    find("recordings").hidden = sending.length + known.length === 0;
    follow(list, [...sending, ...known], { key: (one) => one.id, make: () => template("recording"), fill });
    if (focused && document.activeElement === document.body) (find("recordings").hidden ? find("history-title") : find("recordings-title")).focus();
  });
}
