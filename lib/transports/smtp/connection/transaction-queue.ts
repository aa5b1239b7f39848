import type { Job } from './job.js';
import type { Transaction } from './transaction.js';

/**
 * The transactions of a connection, in the order of their replies. Linked, not in an array: one that is
 * filled at its end and emptied at its head gets a new store all the time, and the old ones keep what
 * was in them from the collection of young garbage.
 */
export class TransactionQueue {
  size = 0;
  head: Transaction | undefined;
  tail: Transaction | undefined;
  /** The first that has not written all that it will. */
  unsent: Transaction | undefined;

  push(one: Transaction): void {
    one.previous = this.tail;
    if (this.tail) this.tail.next = one;
    else this.head = one;
    this.tail = one;
    this.unsent ??= one;
    this.size += 1;
  }

  remove(one: Transaction): void {
    const { previous, next } = one;
    if (previous) previous.next = next;
    else this.head = next;
    if (next) next.previous = previous;
    else this.tail = previous;
    if (this.unsent === one) this.unsent = next;
    one.previous = undefined;
    one.next = undefined;
    this.size -= 1;
  }

  /** `unsent` has written all that it will. Returns the one behind it. */
  advance(): Transaction | undefined {
    this.unsent = this.unsent?.next;
    return this.unsent;
  }

  find(job: Job): Transaction | undefined {
    let one = this.head;
    while (one && one.job !== job) one = one.next;
    return one;
  }
}
