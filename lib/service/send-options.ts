import { adviceOn } from '../base/option-reader.js';
import { MailValidationError, type MailIssue } from '../base/errors.js';
import { reading } from '../message/read/reading.js';
import { surrogateFault } from '../message/text.js';
import { RELAY_PRIORITIES, type RelayPriority } from '../relay/relay.js';

export interface SendOptions {
  /** Stops the attempt: its connection or request is torn down if need be. */
  readonly signal?: AbortSignal;
  /**
   * A second `send` with the same key stores nothing and answers the first receipt. Needs a relay; up
   * to 255 characters.
   */
  readonly idempotencyKey?: string;
  /** Not before this moment; the message's own `sendAt` otherwise. With a relay it holds on every transport. */
  readonly sendAt?: Date | string;
  /** Which mail leaves the relay first. Not the message's `priority`, which is a header. Default `normal`. */
  readonly priority?: RelayPriority;
}

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
 * Checks what a relay takes besides the message, and reads each option once; `sendAt` is checked with the message.
 * @throws MailValidationError
 */
export function readSendOptions(options: SendOptions, hasRelay: boolean): SendOptions {
  return reading(() => checked(options, hasRelay), 'options');
}

function checked(options: SendOptions, hasRelay: boolean): SendOptions {
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
  // JavaScript may hand in anything.
  const { signal, idempotencyKey, sendAt, priority } = options;
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
  return { signal, idempotencyKey, sendAt, priority };
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
