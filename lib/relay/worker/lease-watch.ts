import type { Clock } from '../../base/clock.js';

/** The wall clock was set, or the machine slept, when it moves against the monotonic one by so much, in milliseconds. */
const JUMP_MS = 1_000;
/** Of a lease's length, kept back: a mail that is begun at its very end would outlast it. */
const MARGIN = 0.1;

/**
 * Until when leases are surely alive. The monotonic clock says it, from the moment when they were asked
 * for, as it also runs through a pause of the event loop and a SIGSTOP. While the machine sleeps it may
 * stand still; the wall clock shows that.
 */
export class LeaseWatch {
  private offset: number;

  constructor(private readonly clock: Clock) {
    this.offset = this.offsetNow;
  }

  /** Until when leases asked for at `from` are good, both in monotonic milliseconds. */
  static goodUntil(from: number, validMs: number | undefined): number {
    return validMs === undefined ? Number.POSITIVE_INFINITY : from + validMs * (1 - MARGIN);
  }

  /** Whether time may have passed unseen since the last look. */
  timeJumped(): boolean {
    const now = this.offsetNow;
    const jumped = Math.abs(now - this.offset) > JUMP_MS;
    this.offset = now;
    return jumped;
  }

  private get offsetNow(): number {
    return this.clock.now() - this.clock.monotonic();
  }
}
