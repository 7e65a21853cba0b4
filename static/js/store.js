// One state, changed by events only: dispatch(event) -> reduce(state, event) -> subscribers.

export function createStore(reduce, state) {
  const listeners = new Set();
  return {
    get state() {
      return state;
    },
    dispatch(event) {
      const before = state;
      state = reduce(state, event);
      if (state !== before) for (const listener of listeners) listener(state, before);
    },
    /** Calls `listener(state, before)` at once and after each change; returns what ends it. */
    subscribe(listener) {
      listeners.add(listener);
      listener(state, undefined);
      return () => listeners.delete(listener);
    },
  };
}
