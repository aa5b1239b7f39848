import { adviceOn } from '../base/option-reader.js';
import { MailValidationError, type MailIssue } from '../base/errors.js';
import { surrogateFault } from '../message/text.js';
import { RELAY_PRIORITIES } from '../relay/relay.js';

const PRIORITIES: readonly unknown[] = [undefined, ...RELAY_PRIORITIES];
const MAX_KEY_LENGTH = 255;
const MAX_UNKNOWN = 10;
const KNOWN = ['signal', 'idempotencyKey', 'sendAt', 'priority'];

/** What other mailers and queues call theirs. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  delay: 'Use `sendAt: new Date(Date.now() + delay)`',
  attempts: 'The relay has it for all mail: `spoolRelay({ retry: { lifetimeMs, … } })`',
  backoff: 'The relay has it for all mail: `spoolRelay({ retry: { minBackoffMs, maxBackoffMs } })`',
  retry: 'The relay has it for all mail: `spoolRelay({ retry })`',
  jobId: 'Use `idempotencyKey`',
  deduplicationId: 'Use `idempotencyKey`',
  timeout: 'Use `signal: AbortSignal.timeout(ms)`',
  removeOnComplete: 'Leave it out: mail that was sent is removed by itself',
  removeOnFail: 'Leave it out: a dead mail stays until it is retried or discarded',
  template: 'It is a field of the message',
  context: 'It is a field of the message',
};

/**
 * Checks what a relay takes besides the message; `sendAt` is checked with the message.
 * @throws MailValidationError
 */
export function readSendOptions(options: object, hasRelay: boolean): void {
  const issues: MailIssue[] = [];
  // One option is read as often as it is named, and most mails have none.
  for (const key in options) {
    if (KNOWN.includes(key) || issues.length === MAX_UNKNOWN) continue;
    issues.push({
      path: `options.${/^[\w$]{1,64}$/.test(key) ? key : '…'}`,
      problem: 'is an unknown option',
      fix: adviceOn(key, KNOWN, ELSEWHERE),
    });
  }
  const { idempotencyKey, priority } = options as Record<'idempotencyKey' | 'priority', unknown>;
  if (idempotencyKey !== undefined && !hasRelay) {
    issues.push({
      path: 'options.idempotencyKey',
      problem: 'needs a relay, which remembers it',
      fix: 'Give the module a relay and use send, or leave the key out',
    });
  } else if (idempotencyKey !== undefined && !isKey(idempotencyKey)) {
    issues.push({
      path: 'options.idempotencyKey',
      problem: `is not a string of 1 to ${MAX_KEY_LENGTH} characters without control characters and lone surrogates`,
      fix: 'Use the id of what the mail is about, for example `invoice-4711`',
    });
  }
  if (!PRIORITIES.includes(priority)) {
    issues.push({
      path: 'options.priority',
      problem: 'is none of high, normal, low',
      fix: 'Use one of them, or leave it out for normal',
    });
  }
  if (issues.length > 0) throw new MailValidationError(issues);
}

function isKey(key: unknown): key is string {
  return (
    typeof key === 'string' &&
    key.length > 0 &&
    key.length <= MAX_KEY_LENGTH &&
    !/[\u0000-\u001f\u007f]/.test(key) &&
    // Storage would keep U+FFFD in its place, and take two keys for one.
    !surrogateFault(key)
  );
}
