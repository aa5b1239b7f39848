import type { Clock } from '../../../base/clock.js';

/** One absolute deadline at a time. Unlike a socket's timeout, traffic does not put it off. */
export class ReplyLimit {
  private cancel: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly expired: (ms: number) => void,
  ) {}

  /** Starts the clock anew; what was running before is forgotten. */
  arm(ms: number): void {
    this.clear();
    this.cancel = this.clock.after(ms, () => {
      this.cancel = undefined;
      this.expired(ms);
    });
  }

  clear(): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}
