// The list of clips, the small chart over it, search and filter, and what deletes.

import { find, follow, template, write } from "./dom.js";
import { face, kindName, seconds, share, source, title, when } from "./format.js";
import { transcriptWords } from "./messages.js";
import { filtered, kind, spread } from "./state-clips.js";

const TYPING = 250; // ms after the last key before the server is asked

function fillClip(element, clip, labels) {
  const part = (hook) => find(hook, element);
  const name = `${title(clip)}, ${when(clip.created_at)}`;
  element.dataset.emotion = kind(clip);
  element.dataset.clip = clip.id;
  write(part("face"), face(clip, labels));
  write(part("title"), title(clip));
  write(part("share"), share(clip));
  write(part("time"), when(clip.created_at));
  part("time").dateTime = clip.created_at;
  write(part("source"), source(clip));
  write(part("length"), seconds(clip.duration_seconds));
  const words = clip.transcript?.status === "done" ? transcriptWords(clip.transcript) : "";
  write(part("words"), words);
  part("words").hidden = !words;
  part("look").hidden = false;
  part("look").setAttribute("aria-label", `Look closer: ${name}`);
  part("delete").setAttribute("data-id", clip.id);
  part("delete").querySelector("button").setAttribute("aria-label", `Delete: ${name}`);
  if (part("player").getAttribute("src") !== clip.audio_url) part("player").src = clip.audio_url;
  part("player").setAttribute("aria-label", name);
}

function fillDeleted(element, clip) {
  write(find("title", element), `Deleted: ${title(clip)}, ${when(clip.created_at)}`);
}

function chart(history, labels) {
  const columns = spread(history, labels);
  const most = Math.max(1, ...columns.map((column) => column.count));
  find("spread").hidden = history.clips.length < 2;
  follow(find("spread-list"), columns, {
    key: (column) => column.name,
    make: () => template("column"),
    fill(element, { name, emoji, count }) {
      element.dataset.emotion = name;
      write(find("count", element), String(count));
      write(find("face", element), emoji);
      write(find("word", element), kindName(name));
      const height = (100 * count) / most;
      find("fill", element).setAttribute("height", `${height}%`);
      find("fill", element).setAttribute("y", `${100 - height}%`);
    },
  });
}

/** `history`: see history.js. `look(id)`: show this clip as the answer. */
export function historyView({ store, history, look }) {
  const list = find("clips");
  list.replaceChildren(); // the server's own, for people without JavaScript

  list.addEventListener("submit", (event) => {
    event.preventDefault();
    history.remove(event.target.dataset.id);
  });
  list.addEventListener("click", (event) => {
    const id = event.target.closest("li")?.dataset.clip;
    if (event.target.closest("[data-look]")) look(id);
    if (!event.target.closest("[data-undo]")) return;
    history.undo(id);
    find(`clip="${id}"] [data-look`, list)?.focus();
  });
  find("more").addEventListener("click", () => history.more());
  new IntersectionObserver(([seen]) => seen.isIntersecting && !store.state.history.problem && history.more(), { rootMargin: "300px" }).observe(find("more"));

  let typing;
  find("filters").addEventListener("submit", (event) => event.preventDefault());
  find("search").addEventListener("input", ({ target }) => {
    clearTimeout(typing);
    typing = setTimeout(() => history.filter({ search: target.value }), TYPING);
  });
  find("filter").addEventListener("change", ({ target }) => history.filter({ emotion: target.value }));

  const ask = find("ask");
  find("delete-all").addEventListener("click", () => {
    ask.returnValue = "";
    ask.showModal();
  });
  ask.addEventListener("close", () => ask.returnValue === "delete" && history.removeAll().then(() => find("history-title").focus()));

  /** A row that goes takes the focus with it: hand it to what is nearest. */
  function keepFocus(render) {
    const row = list.contains(document.activeElement) ? document.activeElement.closest("li") : null;
    const id = row?.dataset.clip;
    const neighbour = row?.nextElementSibling ?? row?.previousElementSibling;
    render();
    if (!row || row.isConnected) return;
    const replaced = id && find(`clip="${id}"`, list);
    const heir = replaced ?? (neighbour?.isConnected ? neighbour : null);
    (heir?.querySelector("[data-undo], [data-delete] button") ?? find("history-title")).focus({ preventScroll: true });
  }

  function rows({ history: { clips, leaving }, config: { labels } }) {
    follow(list, clips, {
      key: (clip) => `${clip.id}${leaving.includes(clip.id) ? " deleted" : ""}`,
      make: (clip) => template(leaving.includes(clip.id) ? "deleted" : "clip"),
      fill(element, clip) {
        element.dataset.clip = clip.id;
        if (leaving.includes(clip.id)) fillDeleted(element, clip);
        else fillClip(element, clip, labels);
      },
    });
  }

  store.subscribe((state, before) => {
    if (state.history === before?.history) return;
    const { clips, next, loading, problem, filter } = state.history;
    keepFocus(() => rows(state));
    chart(state.history, state.config.labels);
    find("empty").hidden = clips.length > 0 || loading;
    write(find("empty"), filtered(filter) ? "No clip fits this search." : "Nothing here yet. What you record or upload is listed here, and you can delete it at any time.");
    write(find("history-note"), problem ?? "Only you can see these clips.");
    find("history-note").toggleAttribute("data-problem", Boolean(problem));
    find("more").hidden = !next;
    write(find("more"), loading ? "Loading…" : "Show older clips");
    find("filters").hidden = clips.length === 0 && !filtered(filter);
    find("history-foot").hidden = clips.length === 0 && !filtered(filter);
  });
}

/** Is a person who uses the keyboard still on the Undo of this clip? */
export const lingers = (id) => Boolean(find(`clip="${id}"`)?.querySelector("[data-undo]:focus-visible"));
