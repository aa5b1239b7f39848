import type { Clock } from '../../../base/clock.js';
import { RateLimit } from '../../../base/rate-limit.js';

/** Starts mails no faster than `pool.maxPerSecond`, and says when the next may start. */
export class PacedStart {
  private readonly limit: RateLimit;
  private cancelWait: (() => void) | undefined;

  /** `perSecond` 0 is no limit. `mayStart` is called when there is something to take again. */
  constructor(
    perSecond: number,
    private readonly clock: Clock,
    private readonly mayStart: () => void,
  ) {
    this.limit = new RateLimit(perSecond, clock);
  }

  /** Mails wait for the limit and not for a connection. */
  get waiting(): boolean {
    return this.cancelWait !== undefined;
  }

  take(): boolean {
    if (this.limit.take()) return true;
    // Mails wait with it, and maybe no socket: the process must not end over their promises.
    this.cancelWait ??= this.clock.after(
      Math.ceil(this.limit.waitMs),
      () => {
        this.cancelWait = undefined;
        this.mayStart();
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
