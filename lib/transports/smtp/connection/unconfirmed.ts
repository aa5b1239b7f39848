import type { Job } from './job.js';
import type { Transaction } from './transaction.js';

/**
 * Transactions that are answered and not told yet: an answer counts once the whole read, and the reply
 * behind it, made sense.
 */
export class Unconfirmed {
  private list: Transaction[] = [];

  constructor(private readonly tell: (one: Transaction) => void) {}

  add(one: Transaction): void {
    this.list.push(one);
  }

  /** Tells those that nothing can be said against any more; `head` is the one behind them. */
  tellSure(head: Transaction | undefined): void {
    const { list } = this;
    if (list.length === 0) return;
    // Were the last one's final reply that to a command behind it, the next reply would show it.
    const last = head?.started && !head.heard && head.mode !== 'lockstep' ? list.pop() : undefined;
    this.list = last ? [last] : [];
    for (const one of list) this.tell(one);
  }

  /** Tells one whose caller waits no longer. */
  tellOf(job: Job): void {
    for (const one of this.list) if (one.job === job) this.tell(one);
  }

  /** All that are left, to do with as the end of the connection asks for. */
  takeAll(): readonly Transaction[] {
    const { list } = this;
    this.list = [];
    return list;
  }
}
