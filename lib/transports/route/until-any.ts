/** Resolves with the first of `waits`, or when one of `signals` aborts. None of `waits` may reject. */
export async function untilAny(
  waits: readonly Promise<void>[],
  signals: readonly (AbortSignal | undefined)[],
): Promise<void> {
  const given = signals.filter((signal) => signal !== undefined);
  let wake = (): void => undefined;
  const aborted = new Promise<void>((resolve) => (wake = resolve));
  for (const signal of given) {
    if (signal.aborted) return;
    signal.addEventListener('abort', wake, { once: true });
  }
  try {
    await Promise.race([...waits, aborted]);
  } finally {
    for (const signal of given) signal.removeEventListener('abort', wake);
  }
}
