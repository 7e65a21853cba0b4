// The choices a visitor makes about words; the server remembers and honours them.

import { SAYS } from "./messages.js";

export function createSettings({ store, client }) {
  return {
    /** Saves {transcribe} or {language}; takes the change back when the server didn't hear of it. */
    async change(changes) {
      const before = store.state.settings;
      const settings = { ...before, ...changes };
      try {
        await client.saveSettings(settings);
        store.dispatch({ type: "settings/changed", settings });
      } catch (error) {
        store.dispatch({ type: "settings/changed", settings: { ...before } });
        store.dispatch({ type: "notice/said", tone: "error", text: error.status ? error.message : SAYS.settingsAway });
      }
    },
  };
}
