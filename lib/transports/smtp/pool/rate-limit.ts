import type { Clock } from '../../../base/clock.js';

/** At most so many mails a second, smoothed: up to a tenth of a second's worth may go at once. */
export class RateLimit {
  private tokens: number;
  private at: number;
  private cancelWait: (() => void) | undefined;
  private readonly burst: number;

  /** `perSecond` 0 is no limit. `refilled` is called when there is something to take again. */
  constructor(
    private readonly perSecond: number,
    private readonly clock: Clock,
    private readonly refilled: () => void,
  ) {
    this.burst = Math.max(1, perSecond / 10);
    this.tokens = this.burst;
    this.at = clock.monotonic();
  }

  /** Mails wait for the limit and not for a connection. */
  get limiting(): boolean {
    return this.cancelWait !== undefined;
  }

  take(): boolean {
    if (this.perSecond === 0) return true;
    const now = this.clock.monotonic();
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.at) * this.perSecond) / 1000);
    this.at = now;
    if (this.tokens >= 1) {
      this.tokens -= 1;
      return true;
    }
    const wait = Math.ceil(((1 - this.tokens) * 1000) / this.perSecond);
    // Mails wait with it, and maybe no socket: the process must not end over their promises.
    this.cancelWait ??= this.clock.after(
      wait,
      () => {
        this.cancelWait = undefined;
        this.refilled();
      },
      { keepAlive: true },
    );
    return false;
  }

  stop(): void {
    this.cancelWait?.();
    this.cancelWait = undefined;
  }
}
