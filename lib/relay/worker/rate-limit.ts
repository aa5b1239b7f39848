import type { Clock } from '../../base/clock.js';

/** How much of a second may be caught up on at once. */
const BURST_SECONDS = 0.1;

/** So many a second and no more: a bucket that fills evenly and holds a tenth of a second. */
export class RateLimit {
  private tokens: number;
  private filledAt: number;

  constructor(
    private readonly perSecond: number,
    private readonly clock: Clock,
  ) {
    this.tokens = this.most;
    this.filledAt = clock.monotonic();
  }

  /** Takes one, if there is one. */
  take(): boolean {
    const now = this.clock.monotonic();
    this.tokens = Math.min(
      this.most,
      this.tokens + ((now - this.filledAt) * this.perSecond) / 1_000,
    );
    this.filledAt = now;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  /** Until the next one, in milliseconds. */
  get waitMs(): number {
    return Math.max(1, ((1 - this.tokens) * 1_000) / this.perSecond);
  }

  private get most(): number {
    return Math.max(1, this.perSecond * BURST_SECONDS);
  }
}
