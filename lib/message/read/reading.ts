import { MailError, MailValidationError } from '../../base/errors.js';
import { show } from '../text.js';

/** What something thrown says of itself; a stranger's object may fail at that, too. */
function wordsOf(thrown: unknown): string {
  try {
    return show(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'something that cannot be shown';
  }
}

/** A getter or a Proxy of the caller's may throw anything, at any moment: it is the message's fault. */
export function asReadFault(thrown: unknown, path = 'message'): MailError {
  try {
    if (thrown instanceof MailError) return thrown;
  } catch {
    // A Proxy, whose prototype cannot be asked for.
  }
  const problem = `threw ${wordsOf(thrown)} while it was read`;
  const fix = 'Give plain data: no getter and no Proxy that throws';
  return new MailValidationError([{ path, problem, fix }], { cause: thrown });
}

/** Runs what reads the caller's objects. @throws MailError and nothing else. */
export function reading<T>(read: () => T, path?: string): T {
  try {
    return read();
  } catch (error) {
    throw asReadFault(error, path);
  }
}
