import type { WebApiResponse } from './web-api.provider.js';

/** A longer wait is a mistake of somebody's; the mail would only look lost. */
const MAX_WAIT_MS = 3_600_000;

/**
 * Milliseconds that the answer asks to wait: by `X-RateLimit-Reset` (epoch seconds), else by
 * `Retry-After` (seconds or a date, RFC 9110 §10.2.3). The server's own `Date` is what both count
 * from, so that a wrong clock here does no harm. `undefined` where neither says anything sensible.
 */
export function retryAfterMs({ headers }: WebApiResponse, now = Date.now()): number | undefined {
  const serverNow = parseDate(headers['date']) ?? now;
  const reset = parseSeconds(headers['x-ratelimit-reset']);
  const after = headers['retry-after'];
  const waits = [
    reset === undefined ? undefined : reset - serverNow,
    parseSeconds(after),
    minus(parseDate(after), serverNow),
  ];
  const wait = waits.find((ms) => ms !== undefined && ms > 0);
  return wait === undefined ? undefined : Math.min(wait, MAX_WAIT_MS);
}

function parseSeconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) * 1000 : undefined;
}

function parseDate(text: string | undefined): number | undefined {
  const time = text === undefined || /^\d+$/.test(text) ? NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

function minus(a: number | undefined, b: number): number | undefined {
  return a === undefined ? undefined : a - b;
}
