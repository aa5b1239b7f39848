import type { WebApiResponse } from './web-api.provider.js';

/** A longer wait is a mistake of somebody's; the mail would only look lost. */
const MAX_WAIT_MS = 3_600_000;

/** The three forms of RFC 9110 §5.6.7. What else `Date.parse` takes for a date is none. */
const HTTP_DATE =
  /^(?:[A-Z][a-z]{2,8}, \d{1,2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} (GMT)|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4})$/;

/**
 * Milliseconds that the answer asks to wait: by `Retry-After` (seconds or a date, RFC 9110 §10.2.3),
 * or on a 429 by `X-RateLimit-Reset` (epoch seconds; on other answers it says nothing about them).
 * Dates count from the server's own `Date`, so that a wrong clock here does no harm. `undefined` where
 * none says anything sensible.
 */
export function retryAfterMs(
  { status, headers }: WebApiResponse,
  now = Date.now(),
): number | undefined {
  const serverNow = parseDate(headers['date']) ?? now;
  const after = headers['retry-after']?.trim();
  const until = parseDate(after);
  const reset = status === 429 ? parseSeconds(headers['x-ratelimit-reset']?.trim()) : undefined;
  const waits = [
    parseSeconds(after) ?? 0,
    until === undefined ? 0 : until - serverNow,
    reset === undefined ? 0 : reset - serverNow,
  ];
  const wait = waits.find((ms) => ms > 0);
  return wait === undefined ? undefined : Math.min(wait, MAX_WAIT_MS);
}

function parseSeconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) * 1000 : undefined;
}

function parseDate(text: string | undefined): number | undefined {
  const date = text === undefined ? undefined : HTTP_DATE.exec(text.trim());
  // An asctime date names no zone; every HTTP date is in GMT.
  const time = date ? Date.parse(date[1] === undefined ? `${date[0]} GMT` : date[0]) : NaN;
  return Number.isNaN(time) ? undefined : time;
}
