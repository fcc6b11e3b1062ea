// One plain object of state, and listeners for the keys that changed. Nothing else may hold player state.

export function createStore(initial) {
  let state = { ...initial };
  const listeners = new Set();
  return {
    get: () => state,
    set(patch) {
      const changed = Object.keys(patch).filter((key) => !Object.is(state[key], patch[key]));
      if (changed.length === 0) return;
      state = { ...state, ...patch };
      for (const { keys, notify } of [...listeners]) {
        if (keys.some((key) => changed.includes(key))) notify(state, changed);
      }
    },
    // notify(state, changedKeys) after every set() that changes one of the keys; returns the way to stop listening.
    on(keys, notify) {
      const entry = { keys, notify };
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
  };
}
