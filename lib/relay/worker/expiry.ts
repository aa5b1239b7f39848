import type { Clock } from '../../base/clock.js';
import { MailRelayError, type MailError } from '../../base/errors.js';
import { failureOf } from '../job.js';
import type { Lease, LeasedJob, MailRelay, Settlement } from '../relay.js';

/** Jobs that one look takes, and looks after one another. */
const LOOK = 100;
const MAX_LOOKS = 10;
/** Between two rounds of looks, at most; in milliseconds. */
const LOOK_EVERY_MS = 60_000;
const MAX_CHARACTERS = 32 * 1024 * 1024;

export interface ExpiryParts {
  readonly relay: MailRelay;
  readonly clock: Clock;
  readonly lifetimeMs: number;
  /** What was leased; those given back that are not over. */
  readonly onLease: (lease: Lease, over: readonly LeasedJob[]) => void;
}

/**
 * Mails whose lifetime ends while their transport is down. Time counts on then, though nothing is tried:
 * such a mail is set aside as `expired` and not sent late, neither during the outage nor right after it.
 */
export class Expiry {
  private fault?: MailError;
  /** When the outage began, and the last one's bounds, in milliseconds since the Unix epoch. */
  private since?: number;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private last?: { readonly from: number; readonly to: number };

  constructor(private readonly parts: ExpiryParts) {}

  /** The transport failed, or fails still. */
  down(fault: unknown): void {
    if (fault instanceof Error && 'disposition' in fault) this.fault = fault as MailError;
    if (this.since !== undefined) return;
    this.since = this.parts.clock.now();
    this.lookedAt = this.parts.clock.monotonic();
  }

  up(): void {
    if (this.since === undefined) return;
    this.last = { from: this.since, to: this.parts.clock.now() };
    this.since = undefined;
  }

  /** Whether its lifetime ended while the transport was down. */
  isOver({ bornAt }: LeasedJob): boolean {
    const end = bornAt + this.parts.lifetimeMs;
    const during = (from: number, to: number) => end >= from && end <= to;
    if (this.since !== undefined && during(this.since, this.parts.clock.now())) return true;
    return this.last !== undefined && during(this.last.from, this.last.to);
  }

  settlement({ mail: { id }, attempts, unknowns }: LeasedJob): Settlement {
    const fault = this.fault ?? new MailRelayError('The transport was down for too long');
    const failure = failureOf(fault, this.parts.clock.now());
    return { id, outcome: 'dead', reason: 'expired', attempts, unknowns, failure };
  }

  /** Looks now and then at what is first in line, for as long as all of it is over. */
  async sweep(): Promise<void> {
    const { relay, clock, lifetimeMs, onLease } = this.parts;
    const now = clock.monotonic();
    if (now - this.lookedAt < Math.min(LOOK_EVERY_MS, lifetimeMs / 10)) return;
    this.lookedAt = now;
    for (let looks = 0; looks < MAX_LOOKS && this.since !== undefined; looks += 1) {
      const lease = await relay.lease({ max: LOOK, maxSize: MAX_CHARACTERS });
      const over = lease.jobs.filter((job) => this.isOver(job));
      onLease(lease, over);
      if (lease.jobs.length === 0 || over.length < lease.jobs.length) return;
    }
  }
}
