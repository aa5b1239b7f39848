interface Listening {
  readonly callbacks: Set<() => void>;
  readonly ring: () => void;
}

const signals = new WeakMap<AbortSignal, Listening>();

/**
 * Calls `fn` when the signal aborts; what it returns takes that back. One listener a signal, however many
 * attempts share it: Node warns of a leak from the eleventh on. None once the last was taken back: Node
 * keeps a signal of `AbortSignal.any` for as long as somebody listens.
 */
export function onAbort(signal: AbortSignal, fn: () => void): () => void {
  const listening = signals.get(signal) ?? listenTo(signal);
  const { callbacks, ring } = listening;
  callbacks.add(fn);
  return () => {
    callbacks.delete(fn);
    if (callbacks.size > 0 || signals.get(signal) !== listening) return;
    signals.delete(signal);
    signal.removeEventListener('abort', ring);
  };
}

function listenTo(signal: AbortSignal): Listening {
  const callbacks = new Set<() => void>();
  const ring = (): void => {
    for (const callback of [...callbacks]) callback();
  };
  const listening = { callbacks, ring };
  signals.set(signal, listening);
  signal.addEventListener('abort', ring, { once: true });
  return listening;
}
