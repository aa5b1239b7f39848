import { Logger } from '@nestjs/common';
import type { Clock } from '../../base/clock.js';
import type { DeadReason } from '../relay.js';

/** Within this of a line there is no other, in milliseconds: a wrong option may kill mails by the thousand. */
const QUIET_MS = 60_000;

/** Tells the log of mails that are given up: of one at once, of those in the minute after it together. */
export class DeadLog {
  private readonly logger = new Logger('MailRelay');
  private more = 0;
  private last?: string;
  private cancelQuiet?: () => void;

  constructor(private readonly clock: Clock) {}

  add(id: string, reason: DeadReason, problem: string): void {
    const line = `Mail ${id} is dead (${reason}): ${problem}`;
    if (this.cancelQuiet) {
      this.more += 1;
      this.last = line;
      return;
    }
    this.logger.warn(line);
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
    const last = this.last ?? '';
    const others = `${this.more} more mails are dead; \`npx nestjs-mail-relay dead\` lists them. The last: ${last}`;
    this.logger.warn(this.more === 1 ? last : others);
    this.more = 0;
    this.last = undefined;
  }
}
