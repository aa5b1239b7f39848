import { Logger } from '@nestjs/common';
import type { Clock } from '../../base/clock.js';

/** Within this of a line there is no other, in milliseconds: a wrong option may cause lines by the thousand. */
const QUIET_MS = 60_000;

/** Warns of one thing at once, and of those in the minute after it together. */
export class QuietLog {
  private readonly logger = new Logger('MailRelay');
  private more = 0;
  private last?: string;
  private cancelQuiet?: () => void;

  constructor(
    private readonly clock: Clock,
    /** The line for those that came meanwhile. */
    private readonly sum: (count: number, last: string) => string,
  ) {}

  add(line: string): void {
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
    this.logger.warn(this.sum(this.more, this.last ?? ''));
    this.more = 0;
    this.last = undefined;
  }
}
