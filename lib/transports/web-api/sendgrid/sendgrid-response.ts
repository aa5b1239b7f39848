import type { MailErrorCode } from '../../../errors.js';
import { retryAfterMs } from '../retry-after.js';
import type { WebApiFault, WebApiResponse } from '../web-api.provider.js';

const MAX_WORDS = 2_000;

/**
 * What an answer other than the expected one means.
 *
 * | status | code | disposition | fault of |
 * | --- | --- | --- | --- |
 * | 2xx (unexpected) | MAIL_PROTOCOL | unknown: it may be no SendGrid at all, or have taken it | road |
 * | 3xx, 404, 405, 406 | MAIL_PROTOCOL | retry: this is not the API's address | road |
 * | 401, 402, 403, 407 | MAIL_AUTH | retry | road |
 * | 408 | MAIL_TIMEOUT | retry: it did not get the whole request | road |
 * | 429 | MAIL_RATE | retry after its reset | road |
 * | 5xx | MAIL_SERVICE | retry | road |
 * | 400, 413, 415, 451 (refused for legal reasons), other 4xx | MAIL_CONTENT | permanent | message |
 */
export function faultOf(answer: WebApiResponse): WebApiFault {
  const { status } = answer;
  const words = errorWords(answer.body);
  const wait = status === 429 || status >= 500 ? retryAfterMs(answer) : undefined;
  const base = {
    stage: 'response',
    message: `SendGrid answered ${status}${words === '' ? '' : `: ${words}`}`,
    httpStatus: status,
    response: words,
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  } as const;
  const code = codeOf(status);
  if (code === 'MAIL_CONTENT') return { ...base, code, disposition: 'permanent', fault: 'message' };
  return { ...base, code, disposition: status < 300 ? 'unknown' : 'retry', fault: 'road' };
}

function codeOf(status: number): MailErrorCode {
  if (status >= 500) return 'MAIL_SERVICE';
  if (status < 400 || [404, 405, 406].includes(status)) return 'MAIL_PROTOCOL';
  if ([401, 402, 403, 407].includes(status)) return 'MAIL_AUTH';
  if (status === 408) return 'MAIL_TIMEOUT';
  if (status === 429) return 'MAIL_RATE';
  return 'MAIL_CONTENT';
}

/** `{ errors: [{ message, field }] }` as `message (field); …`, anything else as it is; one line. */
export function errorWords(body: string): string {
  const words = readErrors(body)
    .map(({ message, field }) => (field === undefined ? message : `${message} (${field})`))
    .join('; ');

  return (words || body)
    .replace(/[\u0000-\u001f\u007f]+/g, ' ')
    .trim()
    .slice(0, MAX_WORDS);
}

function readErrors(body: string): { message: string; field?: string }[] {
  const { errors } = (parseJson(body) ?? {}) as { errors?: unknown };
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((item: unknown) => {
    const { message, field } = (item ?? {}) as { message?: unknown; field?: unknown };
    if (typeof message !== 'string') return [];
    // Its own description shows "null" where there is no field.
    return [typeof field === 'string' && field !== 'null' ? { message, field } : { message }];
  });
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
