import { burial } from '../job.js';
import type { UnreadableJob } from '../relay.js';
import type { LeaseEnd } from './settler.js';
import type { Timers } from './timers.js';

/** Between two reads, in milliseconds: a fault of the disk or of the network may pass meanwhile. */
const READ_AGAIN_MS = 1_000;

export interface UnreadableParts {
  readonly timers: Timers;
  readonly now: () => number;
  readonly end: (end: LeaseEnd) => void;
  /** It is set aside for good. */
  readonly onDead: (job: UnreadableJob) => void;
}

/**
 * Jobs that could not be read. Each is given back after a while, so that the next lease reads it again,
 * and set aside as corrupt when that fails, too.
 */
export class Unreadable {
  /** Leased, and to be given back. */
  private readonly waiting = new Set<string>();
  /** Given back, to be read again. */
  private readonly seen = new Set<string>();

  constructor(private readonly parts: UnreadableParts) {}

  get size(): number {
    return this.waiting.size;
  }

  ids(): string[] {
    return [...this.waiting];
  }

  has(id: string): boolean {
    return this.waiting.has(id);
  }

  add(job: UnreadableJob): void {
    const { timers, now, end, onDead } = this.parts;
    if (this.seen.delete(job.id)) {
      end(burial(job, now()));
      onDead(job);
      return;
    }
    this.waiting.add(job.id);
    if (!timers.has('unreadable')) {
      timers.after('unreadable', READ_AGAIN_MS, () => this.giveBack());
    }
  }

  /** It could be read after all. */
  forget(id: string): void {
    if (this.seen.size > 0) this.seen.delete(id);
  }

  giveBack(): void {
    this.parts.timers.cancel('unreadable');
    for (const id of this.waiting) {
      this.seen.add(id);
      this.parts.end({ id, outcome: 'released' });
    }
    this.waiting.clear();
  }
}
