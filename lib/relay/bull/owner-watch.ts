import type { Clock } from '../../base/clock.js';

/** An owner that was silent for a lease's length, and the last number that it was seen with. */
export type SilentOwner = readonly [owner: string, beat: string];

interface Seen {
  readonly beat: string;
  readonly silentMs: number;
}

/**
 * Tells a process that lives from one that died, by a number in Redis that grows while it lives. The
 * time between two looks is measured here: no clock that somebody sets, Redis's own included, makes a
 * lease end early.
 */
export class OwnerWatch {
  private seen = new Map<string, Seen>();
  private lookedAt = Number.NaN;

  constructor(
    private readonly clock: Clock,
    private readonly parts: {
      /** This process. */
      readonly self: string;
      readonly silenceMs: number;
      /** Between two looks no more than this counts: whoever looks may have been stopped, too. */
      readonly longestGapMs: number;
    },
  ) {}

  /** Takes the numbers of all owners as they are now. */
  look(beats: Readonly<Record<string, string>>): SilentOwner[] {
    const { self, silenceMs, longestGapMs } = this.parts;
    const now = this.clock.monotonic();
    const gap = Number.isNaN(this.lookedAt) ? 0 : Math.min(now - this.lookedAt, longestGapMs);
    this.lookedAt = now;
    const seen = new Map<string, Seen>();
    const silent: SilentOwner[] = [];
    for (const [owner, beat] of Object.entries(beats)) {
      if (owner === self) continue;
      const before = this.seen.get(owner);
      const silentMs = before?.beat === beat ? before.silentMs + gap : 0;
      seen.set(owner, { beat, silentMs });
      if (silentMs >= silenceMs) silent.push([owner, beat]);
    }
    this.seen = seen;
    return silent;
  }
}
