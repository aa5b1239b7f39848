import { Logger } from '@nestjs/common';
import type { Clock } from '../../base/clock.js';
import type { DeadReason } from '../relay.js';

/** Within this of a line there is no other, in milliseconds: a wrong option may kill mails by the thousand. */
const QUIET_MS = 60_000;

/** Tells the log of mails that are given up: of one at once, of those in the minute after it together. */
export class DeadLog {
  private readonly logger = new Logger('MailRelay');
  private more = 0;
  private cancelQuiet?: () => void;

  constructor(private readonly clock: Clock) {}

  add(id: string, reason: DeadReason, problem: string): void {
    if (this.cancelQuiet) {
      this.more += 1;
      return;
    }
    this.logger.warn(`Mail ${id} is dead (${reason}): ${problem}`);
    this.keepQuiet();
  }

  /** Says what is not said yet. */
  close(): void {
    this.cancelQuiet?.();
    this.cancelQuiet = undefined;
    this.sayMore();
  }

  private keepQuiet(): void {
    this.cancelQuiet = this.clock.after(QUIET_MS, () => {
      this.cancelQuiet = undefined;
      if (this.more > 0) this.keepQuiet();
      this.sayMore();
    });
  }

  private sayMore(): void {
    if (this.more === 0) return;
    this.logger.warn(this.more === 1 ? '1 more mail is dead' : `${this.more} more mails are dead`);
    this.more = 0;
  }
}
