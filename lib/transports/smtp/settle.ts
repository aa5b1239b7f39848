import { remoteIdOf } from './remote-id.js';
import { words } from './faults.js';
import type { Transaction } from './transaction.js';

/** Tells the caller what the server's replies to its mail mean. */
export function settle(transaction: Transaction, road: string): void {
  const { job, failure, success, accepted, rejected } = transaction;
  if (job.settled) return;
  if (failure || !success) {
    if (failure) job.reject(failure);
    return;
  }
  const remoteId = remoteIdOf(success.text);
  job.resolve({
    road,
    accepted,
    rejected,
    response: words(success),
    ...(remoteId === undefined ? {} : { remoteId }),
  });
}
