import { codeOfStatus, oneLine, parseJson } from '../answer.js';
import { retryAfterMs } from '../retry-after.js';
import type { WebApiFault, WebApiResponse } from '../web-api.provider.js';

/**
 * What an answer other than the expected one means.
 *
 * | status | code | disposition | fault of |
 * | --- | --- | --- | --- |
 * | 2xx (unexpected) | MAIL_PROTOCOL | unknown: it may be no SendGrid at all, or have taken it | transport |
 * | 3xx, 404, 405, 406 | MAIL_PROTOCOL | retry: this is not the API's address | transport |
 * | 401, 402, 403, 407 | MAIL_AUTH | retry | transport |
 * | 403 about `from` alone (no verified sender) | MAIL_SENDER | permanent | message |
 * | 408 | MAIL_TIMEOUT | retry: it did not get the whole request | transport |
 * | 429 | MAIL_RATE | retry after its reset | transport |
 * | 5xx | MAIL_SERVICE | retry | transport |
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
  const code = status === 403 && isOfSender(answer.body) ? 'MAIL_SENDER' : codeOfStatus(status);
  if (code === 'MAIL_CONTENT' || code === 'MAIL_SENDER') {
    return { ...base, code, disposition: 'permanent', fault: 'message' };
  }
  return { ...base, code, disposition: status < 300 ? 'unknown' : 'retry', fault: 'transport' };
}

/** It knows the key, but not the mail's sender: over SMTP it says 550 to the same mail. */
function isOfSender(body: string): boolean {
  const errors = readErrors(body);
  return errors.length > 0 && errors.every(({ field }) => field === 'from');
}

/** `{ errors: [{ message, field }] }` as `message (field); …`, anything else as it is; one line. */
export function errorWords(body: string): string {
  const words = readErrors(body)
    .map(({ message, field }) => (field === undefined ? message : `${message} (${field})`))
    .join('; ');
  return oneLine(words || body);
}

export function readErrors(body: string): { message: string; field?: string }[] {
  const { errors } = (parseJson(body) ?? {}) as { errors?: unknown };
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((item: unknown) => {
    const { message, field } = (item ?? {}) as { message?: unknown; field?: unknown };
    if (typeof message !== 'string') return [];
    // Its own description shows "null" where there is no field.
    return [typeof field === 'string' && field !== 'null' ? { message, field } : { message }];
  });
}
