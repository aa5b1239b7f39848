const callbacks = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `fn` when the signal aborts; the answer takes it back. One listener a signal, however many
 * attempts share it: Node warns of a leak from the eleventh on.
 */
export function onAbort(signal: AbortSignal, fn: () => void): () => void {
  let all = callbacks.get(signal);
  if (!all) {
    all = new Set();
    callbacks.set(signal, all);
    const added = all;
    signal.addEventListener(
      'abort',
      () =>
        [...added].forEach((callback) => {
          callback();
        }),
      {
        once: true,
      },
    );
  }
  const own = all.add(fn);
  return () => {
    own.delete(fn);
  };
}
