import { clearTimeout, setTimeout } from 'node:timers';
import { performance } from 'node:perf_hooks';
/**
 * Time as a part that a test may move. `now` is wall-clock time and only ever labels things;
 * every wait and every duration uses the monotonic side, so that a clock jump harms nothing.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. */
  now(): number;
  /** Monotonic time in milliseconds; only differences mean something. */
  monotonic(): number;
  /**
   * Calls `fn` once after `ms` milliseconds; the answer cancels it. The wait does not keep the process
   * alive unless asked to.
   */
  after(ms: number, fn: () => void, options?: { readonly keepAlive?: boolean }): () => void;
}

/** Node would call at once what is further away than this, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

/** Real timers, also where a test runner has put fake ones in place of the globals. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn, options) {
    const timer = setTimeout(fn, Math.min(ms, LONGEST_MS));
    if (!options?.keepAlive) timer.unref();
    return () => clearTimeout(timer);
  },
};

let isoMs = NaN;
let iso = '';

/** Wall-clock milliseconds as ISO 8601. What happens in one millisecond shares the text. */
export function isoTime(ms: number): string {
  if (ms !== isoMs) {
    iso = new Date(ms).toISOString();
    isoMs = ms;
  }
  return iso;
}

/**
 * Waits for `work`, `ms` milliseconds at most; keeps the process alive meanwhile. Resolves to whether
 * it was fulfilled in time; a rejection counts as not.
 */
export function fulfilledWithin(
  clock: Clock,
  ms: number,
  work: Promise<unknown>,
): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve(false), { keepAlive: true });
    const settle = (fulfilled: boolean) => {
      cancel();
      resolve(fulfilled);
    };
    work.then(
      () => settle(true),
      () => settle(false),
    );
  });
}
