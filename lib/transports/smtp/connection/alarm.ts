import type { Clock } from '../../../base/clock.js';

/** Since when something lasts, and how long it may, in milliseconds of the monotonic clock. */
export type Limit = readonly [since: number, ms: number];

/**
 * One timer for all deadlines of a connection. It is set anew only to ring earlier, and looks again when
 * it rings: a busy connection moves its deadline with every reply and sets hardly a timer.
 */
export class Alarm {
  private cancel: (() => void) | undefined;
  private at = Infinity;
  private stopped = false;

  constructor(
    private readonly clock: Clock,
    private readonly limit: () => Limit,
    private readonly overdue: (ms: number) => void,
  ) {}

  /** The limit may have changed. */
  arm(): void {
    if (this.stopped) return;
    const [since, ms] = this.limit();
    const due = since + ms;
    if (due >= this.at) return;
    this.cancel?.();
    this.at = due;
    this.cancel = this.clock.after(Math.max(1, Math.ceil(due - this.clock.monotonic())), () => {
      this.cancel = undefined;
      this.at = Infinity;
      this.ring();
      this.arm();
    });
  }

  stop(): void {
    this.stopped = true;
    this.cancel?.();
  }

  private ring(): void {
    const [since, ms] = this.limit();
    if (since + ms <= this.clock.monotonic()) this.overdue(ms);
  }
}
