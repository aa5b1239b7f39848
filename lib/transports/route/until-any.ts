import { onAbort } from '../../base/on-abort.js';

/** Resolves with the first of `waits`, or when one of `signals` aborts. None of `waits` may reject. */
export async function untilAny(
  waits: readonly Promise<void>[],
  signals: readonly (AbortSignal | undefined)[],
): Promise<void> {
  const given = signals.filter((signal) => signal !== undefined);
  let wake = (): void => undefined;
  const aborted = new Promise<void>((resolve) => (wake = resolve));
  if (given.some((signal) => signal.aborted)) return;
  const forget = given.map((signal) => onAbort(signal, () => wake()));
  try {
    await Promise.race([...waits, aborted]);
  } finally {
    for (const one of forget) one();
  }
}
