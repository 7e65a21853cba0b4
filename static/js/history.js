// The history's doings: load more, search, delete with a way back.
// A deletion waits until its undo time is over; what a closed page still owes is settled by the next one.

import { SAYS } from "./messages.js";

const UNDO = 8000; // ms
const LONGEST = 4; // undo times that a person who stays on Undo is given
const GRACE = 1000; // ms that another page is given to settle what it owes

/** Ids of clips whose deletion the server hasn't heard of yet and when it is due, for all pages in this browser. */
function createOwed(storage) {
  const read = () => JSON.parse(storage?.getItem("owed") ?? "{}");
  const write = (owed) => storage?.setItem("owed", JSON.stringify(owed));
  return {
    ids: () => Object.keys(read()),
    due: (id) => read()[id],
    add: (id, due) => write({ ...read(), [id]: due }),
    drop(id) {
      const { [id]: _, ...rest } = read();
      write(rest);
    },
  };
}

/** `lingers(id)`: is a person still on the Undo of this clip? */
export function createHistory({ store, client, storage, lingers = () => false, undo = UNDO, now = Date.now }) {
  const { dispatch } = store;
  const owed = createOwed(storage);
  const timers = new Map();
  let loading = new AbortController();

  async function load({ append }) {
    loading.abort();
    const { signal } = (loading = new AbortController());
    const { filter, next } = store.state.history;
    dispatch({ type: "history/loading" });
    try {
      const page = await client.list({ ...filter, search: filter.search.trim(), before: append ? next : undefined }, signal);
      const clips = page.clips.filter((clip) => !owed.ids().includes(clip.id) || timers.has(clip.id));
      dispatch({ type: "history/loaded", clips, next: page.next, append });
    } catch (error) {
      if (error.code !== "cancelled") dispatch({ type: "history/failed", message: error.message || SAYS.historyAway });
    }
  }

  async function settle(id) {
    timers.delete(id);
    try {
      await client.remove(id);
    } catch (error) {
      if (error.status !== 404) {
        owed.drop(id);
        return dispatch({ type: "clip/restored", id, failed: true });
      }
    }
    owed.drop(id);
    dispatch({ type: "clip/gone", id });
  }

  function schedule(id, round = 1) {
    owed.add(id, now() + undo);
    const due = () => (round < LONGEST && lingers(id) ? schedule(id, round + 1) : settle(id));
    timers.set(id, setTimeout(due, undo));
  }

  /** What another page owes: it may be taken back there until it is due. */
  function follow(id) {
    const due = owed.due(id);
    if (due === undefined) return load({ append: false });
    const rest = due + GRACE - now();
    if (rest > 0) setTimeout(follow, rest, id);
    else settle(id);
  }

  return {
    more: () => !store.state.history.loading && store.state.history.next && load({ append: true }),
    reload: () => load({ append: false }),
    filter(filter) {
      dispatch({ type: "history/filtered", filter });
      return load({ append: false });
    },
    remove(id) {
      dispatch({ type: "clip/removed", id });
      schedule(id);
    },
    undo(id) {
      clearTimeout(timers.get(id));
      timers.delete(id);
      owed.drop(id);
      dispatch({ type: "clip/restored", id });
    },
    async removeAll() {
      try {
        await client.removeAll();
        for (const [id, timer] of timers) {
          clearTimeout(timer);
          owed.drop(id);
        }
        timers.clear();
        dispatch({ type: "history/cleared" });
      } catch (error) {
        dispatch({ type: "history/failed", message: error.message || SAYS.clipsAway });
      }
    },
    /** The page is being left: what waits for its undo time is deleted now. */
    leave() {
      for (const id of timers.keys()) client.remove(id, true).catch(() => {});
    },
    /** Leaves out, and deletes when it is due, what another page or an earlier one still owes. */
    settleOwed() {
      for (const id of owed.ids()) {
        dispatch({ type: "clip/gone", id });
        follow(id);
      }
    },
  };
}
