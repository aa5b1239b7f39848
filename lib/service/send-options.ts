import { MailValidationError, type MailIssue } from '../base/errors.js';
import { surrogateFault } from '../message/text.js';
import { RELAY_PRIORITIES } from '../relay/relay.js';

const PRIORITIES: readonly unknown[] = [undefined, ...RELAY_PRIORITIES];
const MAX_KEY_LENGTH = 255;

/**
 * Checks what a relay takes besides the message; `sendAt` is checked with the message.
 * @throws MailValidationError
 */
export function readSendOptions(
  { idempotencyKey, priority }: { readonly idempotencyKey?: unknown; readonly priority?: unknown },
  hasRelay: boolean,
): void {
  if (idempotencyKey === undefined && priority === undefined) return;
  const issues: MailIssue[] = [];
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
