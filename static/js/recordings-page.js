// Puts together what long recordings need; fetched when there is one, or somebody chooses one.

import { check } from "./check.js";
import { find, template } from "./dom.js";
import { createRecordings } from "./recordings.js";
import { recordingsView } from "./view-recordings.js";

/** The timeline's modules come when the first is opened; the address keeps which, for who comes back. */
function openTimelines({ store, client, recordings, location, history }) {
  let view = null;
  store.subscribe(({ recordings: { open } }, before) => {
    if (open === before?.recordings.open || (!before && !open)) return;
    history.replaceState(null, "", open ? `#recording=${open}` : location.pathname + location.search);
    view ??= import("./view-timeline.js").then(({ timelineView }) => timelineView({ store, recordings, client }));
  });
  const asked = location.hash.match(/^#recording=([0-9a-f]+)$/)?.[1];
  if (store.state.recordings.list.some(({ id }) => id === asked)) store.dispatch({ type: "recordings/opened", id: asked });
}

/** `seconds(file)`: see `measure` in check.js. What is made of it sends files with `take(files)`. */
export function recordingsPage({ store, client, seconds }, { document, location, history } = globalThis) {
  document.querySelector("main").prepend(template("timeline"));
  document.body.append(template("forget"));
  const recordings = createRecordings({ store, client });
  recordingsView({ store, ways: recordings });
  openTimelines({ store, client, recordings, location, history });
  recordings.watch();
  return {
    async take(files) {
      const { accept, recording_limits: limits } = store.state.config;
      for (const file of files) {
        const objection = await check(file, { accept, limits }, seconds);
        if (objection) recordings.refuse(file, objection);
        else recordings.add(file, { oneVoice: Boolean(find("one-voice")?.checked) });
      }
    },
  };
}
