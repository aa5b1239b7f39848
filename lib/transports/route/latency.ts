import type { Clock } from '../../base/clock.js';

/** Weight of the newest sample. */
const ALPHA = 0.3;

/**
 * Time per mail on one transport, in milliseconds: an exponentially weighted moving average, or the age of
 * the oldest mail under way where that is longer, so that a transport that stalls is noticed before it answers.
 */
export class Latency {
  private average: number | undefined;
  private endedAt: number | undefined;
  /** When the attempts under way began and for how many mails, oldest first. */
  private readonly underWay = new Map<number, { readonly from: number; readonly mails: number }>();
  private begun = 0;

  constructor(private readonly clock: Clock) {}

  /** Absent until a mail has been carried. */
  get averageMs(): number | undefined {
    return this.average;
  }

  get busy(): boolean {
    return this.underWay.size > 0;
  }

  get estimateMs(): number {
    const [oldest] = this.underWay.values();
    const age = oldest ? (this.clock.monotonic() - oldest.from) / oldest.mails : 0;
    return Math.max(this.average ?? 0, age);
  }

  /** Milliseconds since the last attempt ended, whether it carried a mail or not; Infinity before the first. */
  get staleMs(): number {
    return this.endedAt === undefined ? Infinity : this.clock.monotonic() - this.endedAt;
  }

  /** An attempt for so many mails begins; the returned function ends it. `carried` says whether its time counts. */
  begin(mails = 1): (carried: boolean) => void {
    const key = this.begun++;
    const from = this.clock.monotonic();
    this.underWay.set(key, { from, mails });
    return (carried) => {
      this.underWay.delete(key);
      const now = this.clock.monotonic();
      this.endedAt = now;
      if (!carried) return;
      const sample = (now - from) / mails;
      this.average = this.average === undefined ? sample : mix(this.average, sample);
    };
  }
}

function mix(average: number, sample: number): number {
  return average + ALPHA * (sample - average);
}
