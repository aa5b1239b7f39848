import { remoteIdOf } from '../protocol/smtp-reply.js';
import type { SmtpErrors } from '../protocol/smtp-errors.js';
import type { Transaction } from './transaction.js';

/** Tells the caller what the server's replies to its mail mean. */
export function settle(
  transaction: Transaction,
  errors: SmtpErrors,
  redact: (text: string) => string,
): void {
  const { job, failure, success, accepted, rejected } = transaction;
  if (job.settled) return;
  if (failure) {
    job.reject(failure);
  } else if (success) {
    const { text } = success.said(redact);
    job.resolve({
      transport: errors.transport,
      accepted,
      rejected,
      response: text,
      remoteId: remoteIdOf(text),
    });
  } else {
    // No state of a transaction leads here; a caller is never left waiting all the same.
    job.reject(errors.lost('reply'));
  }
}
