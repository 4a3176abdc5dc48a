// A model without a kernel: the four methods of an anywidget model over a plain object.
export default function shim(state = {}) {
  const heard = {};
  return {
    get: (name) => state[name],
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      for (const f of [...(heard[`change:${name}`] ?? [])]) f();
    },
    save_changes() {},
    on(event, f) { (heard[event] ??= []).push(f); },
    off(event, f) { heard[event] = f ? (heard[event] ?? []).filter((g) => g !== f) : []; },
  };
}
