import type { Clock } from './clock.js';

/** How much of a second may be caught up on at once. */
const BURST_SECONDS = 0.1;

/** So many a second and no more: a bucket that fills evenly and holds a tenth of a second. */
export class RateLimit {
  private tokens: number;
  private filledAt: number;
  private readonly most: number;

  /** `perSecond` 0 is no limit. */
  constructor(
    private readonly perSecond: number,
    private readonly clock: Clock,
  ) {
    this.most = Math.max(1, perSecond * BURST_SECONDS);
    this.tokens = this.most;
    this.filledAt = clock.monotonic();
  }

  /** Takes one, if there is one. */
  take(): boolean {
    if (this.perSecond === 0) return true;
    const now = this.clock.monotonic();
    const filled = ((now - this.filledAt) * this.perSecond) / 1_000;
    this.tokens = Math.min(this.most, this.tokens + filled);
    this.filledAt = now;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  /** Until the next one, in milliseconds. */
  get waitMs(): number {
    return Math.max(1, ((1 - this.tokens) * 1_000) / this.perSecond);
  }
}
