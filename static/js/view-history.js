// The list of clips, the small chart over it, search and filter, and what deletes.

import { find, follow, template, write } from "./dom.js";
import { emoji, kindName, name as nameOf, nameShare, seconds, source, when } from "./format.js";
import { transcriptWords, truthWords } from "./messages.js";
import { filtered, kind, spread } from "./state-clips.js";
import { number, t } from "./words.js";

const TYPING = 250; // ms after the last key before the server is asked

function fillClip(element, clip, emotions) {
  const part = (hook) => find(hook, element);
  const name = `${nameOf(clip)}, ${when(clip.created_at)}`;
  element.dataset.emotion = kind(clip);
  element.dataset.clip = clip.id;
  write(part("face"), emoji(kind(clip), emotions));
  write(part("title"), nameOf(clip));
  write(part("truth-words"), truthWords(clip));
  part("truth-words").hidden = !clip.correction;
  write(part("share"), nameShare(clip));
  write(part("time"), when(clip.created_at));
  part("time").dateTime = clip.created_at;
  write(part("source"), source(clip));
  write(part("length"), seconds(clip.duration_seconds));
  const words = clip.transcript?.status === "done" ? transcriptWords(clip.transcript) : "";
  write(part("words"), words);
  part("words").hidden = !words;
  part("look").hidden = false;
  part("look").setAttribute("aria-label", t("Look closer: {name}", { name }));
  part("delete").setAttribute("data-id", clip.id);
  part("delete").querySelector("button").setAttribute("aria-label", t("Delete: {name}", { name }));
  if (part("player").getAttribute("src") !== clip.audio_url) part("player").src = clip.audio_url;
  part("player").setAttribute("aria-label", name);
}

function fillDeleted(element, clip) {
  write(find("title", element), t("Deleted: {name}", { name: `${nameOf(clip)}, ${when(clip.created_at)}` }));
}

/** Draws a bar of `share` (0 to 1) of the height, standing on `ground`. */
function stand(bar, share, ground = 0) {
  bar.setAttribute("height", `${100 * share}%`);
  bar.setAttribute("y", `${100 * (1 - share - ground)}%`);
}

function chart(history, { labels, emotions }) {
  const columns = spread(history, labels, emotions);
  const most = Math.max(1, ...columns.map((column) => column.count));
  find("spread").hidden = history.clips.length < 2;
  find("spread-fixed").hidden = !columns.some((column) => column.fixed);
  follow(find("spread-list"), columns, {
    key: (column) => column.name,
    make: () => template("column"),
    fill(element, { name, emoji: shown, count, fixed }) {
      element.dataset.emotion = name;
      write(find("count", element), number(count));
      write(find("face", element), shown);
      write(find("word", element), kindName(name));
      stand(find("fill", element), count / most);
      stand(find("fixed", element), fixed / most, (count - fixed) / most);
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

  const ask = template("ask");
  document.body.append(ask);
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

  function rows({ history: { clips, leaving }, config: { emotions } }) {
    follow(list, clips, {
      key: (clip) => `${clip.id}${leaving.includes(clip.id) ? " deleted" : ""}`,
      make: (clip) => template(leaving.includes(clip.id) ? "deleted" : "clip"),
      fill(element, clip) {
        element.dataset.clip = clip.id;
        if (leaving.includes(clip.id)) fillDeleted(element, clip);
        else fillClip(element, clip, emotions);
      },
    });
  }

  store.subscribe((state, before) => {
    if (state.history === before?.history) return;
    const { clips, next, loading, problem, filter } = state.history;
    keepFocus(() => rows(state));
    chart(state.history, state.config);
    find("empty").hidden = clips.length > 0 || loading;
    write(find("empty"), filtered(filter) ? t("No clip fits this search.") : t("Nothing here yet. What you record or upload is listed here, and you can delete it at any time."));
    write(find("history-note"), problem ?? t("Only you can see these clips."));
    find("history-note").toggleAttribute("data-problem", Boolean(problem));
    find("more").hidden = !next;
    write(find("more"), loading ? t("Loading…") : t("Show older clips"));
    find("filters").hidden = clips.length === 0 && !filtered(filter);
    find("history-foot").hidden = clips.length === 0 && !filtered(filter);
  });
}

/** Is a person who uses the keyboard still on the Undo of this clip? */
export const lingers = (id) => Boolean(find(`clip="${id}"`)?.querySelector("[data-undo]:focus-visible"));
