import type { Clock } from '../../base/clock.js';
import { LeaseWatch } from './lease-watch.js';
import type { Outage } from './outage.js';
import type { ForeignJob, LeasedJob, LeaseRequest, MailRelay, UnreadableJob } from '../relay.js';
import type { Timers } from './timers.js';

/** Storage that failed is asked again after this, doubled each time, in milliseconds. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

export interface PrefetchParts {
  readonly relay: MailRelay;
  readonly outage: Outage;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly onUnreadable: (job: UnreadableJob) => void;
  readonly onForeign: (jobs: readonly ForeignJob[]) => void;
  /** Under way here, or its outcome is not recorded yet: a lease that brings it again changes nothing. */
  readonly isUnderWay: (id: string) => boolean;
  /** Jobs have come. */
  readonly onJobs: (jobs: readonly LeasedJob[]) => void;
  /** Their leases are not ours any more: they are let go of, unsent. */
  readonly onLost: (jobs: readonly LeasedJob[]) => void;
  /** There may be something to lease, or to start. */
  readonly onWork: () => void;
}

interface Entry {
  readonly job: LeasedJob;
  /** In monotonic milliseconds. */
  readonly goodUntil: number;
}

/** What is leased and not begun, how more is got, and whether its leases are alive. */
export class Prefetch {
  private entries: Entry[] = [];
  private leasing?: Promise<void>;
  /** Work came while a lease was on its way, which may have missed it. */
  private cameMeanwhile = false;
  private failures = 0;
  private asking = false;
  private closed = false;
  /** How long the last lease said that leases last. */
  private validMs?: number;
  private readonly watch: LeaseWatch;

  constructor(private readonly parts: PrefetchParts) {
    this.watch = new LeaseWatch(parts.clock);
  }

  get size(): number {
    return this.entries.length;
  }

  ids(): string[] {
    return this.entries.map(({ job }) => job.mail.id);
  }

  /**
   * The next job whose lease is surely alive. Where that is in doubt the storage is asked first, and
   * `onWork` called once it has answered.
   */
  take(): LeasedJob | undefined {
    const [next] = this.entries;
    if (!next || this.asking) return undefined;
    const now = this.parts.clock.monotonic();
    if (this.watch.timeJumped() || next.goodUntil <= now) {
      void this.ask();
      return undefined;
    }
    this.entries.shift();
    return next.job;
  }

  takeAll(): LeasedJob[] {
    return this.entries.splice(0).map(({ job }) => job);
  }

  /** Which of the leases asked about at `from`, in monotonic milliseconds, the storage says are ours. */
  renewed(asked: readonly string[], held: readonly string[], from: number): void {
    const ours = new Set(held);
    const about = new Set(asked);
    const goodUntil = LeaseWatch.goodUntil(from, this.validMs);
    const lost: LeasedJob[] = [];
    this.entries = this.entries.flatMap((entry) => {
      const { id } = entry.job.mail;
      if (!about.has(id)) return [entry];
      if (ours.has(id)) return [{ job: entry.job, goodUntil }];
      lost.push(entry.job);
      return [];
    });
    if (lost.length > 0) this.parts.onLost(lost);
  }

  /** The driver says that there may be work. */
  workCame(): void {
    if (this.leasing) this.cameMeanwhile = true;
    else this.parts.onWork();
  }

  /** Leases more, unless that is under way, or storage that failed is left alone. */
  fill(request: LeaseRequest): void {
    const { timers, onWork } = this.parts;
    if (this.closed || this.leasing || timers.has('lease-failed')) return;
    timers.cancel('lease');
    this.leasing = this.lease(request).finally(() => {
      this.leasing = undefined;
      if (!this.cameMeanwhile) return;
      this.cameMeanwhile = false;
      onWork();
    });
  }

  /** Leases no more. Resolves once a lease on its way has come. */
  async close(): Promise<void> {
    this.closed = true;
    this.parts.timers.cancel('lease', 'lease-failed', 'ask-failed');
    await this.leasing;
  }

  private async lease(request: LeaseRequest): Promise<void> {
    const { relay, outage, timers, clock, onJobs, onWork } = this.parts;
    try {
      const from = clock.monotonic();
      const {
        jobs: leased,
        unreadable,
        foreign,
        againInMs,
        damage,
        validMs,
      } = await relay.lease(request);
      this.failures = 0;
      this.validMs = validMs;
      if (damage) outage.failed(damage);
      else outage.over();
      if (foreign && foreign.length > 0) this.parts.onForeign(foreign);
      unreadable.filter(({ id }) => !this.parts.isUnderWay(id)).forEach(this.parts.onUnreadable);
      const goodUntil = LeaseWatch.goodUntil(from, validMs);
      const jobs = this.newOf(leased, goodUntil);
      this.entries.push(...jobs.map((job) => ({ job, goodUntil })));
      if (jobs.length > 0) onJobs(jobs);
      else if (againInMs !== undefined && !this.closed) timers.after('lease', againInMs, onWork);
    } catch (error) {
      if (this.closed) return;
      outage.failed(error);
      // Storage that is down comes back; until then mail stays where it is.
      timers.after('lease-failed', this.waitMs(), onWork);
    }
  }

  /** Those that are neither here nor under way already: a lease of ours may have run out and come again. */
  private newOf(leased: readonly LeasedJob[], goodUntil: number): LeasedJob[] {
    const here = new Set(this.ids());
    const again = new Set(leased.map(({ mail }) => mail.id).filter((id) => here.has(id)));
    if (again.size > 0) {
      this.entries = this.entries.map((entry) =>
        again.has(entry.job.mail.id) ? { job: entry.job, goodUntil } : entry,
      );
    }
    return leased.filter(({ mail: { id } }) => !here.has(id) && !this.parts.isUnderWay(id));
  }

  /** Asks the storage which of the leases are still ours. */
  private async ask(): Promise<void> {
    const { relay, outage, timers, clock, onWork } = this.parts;
    if (timers.has('ask-failed')) return;
    this.asking = true;
    const ids = this.ids();
    const from = clock.monotonic();
    try {
      const held = await relay.heartbeat(ids);
      this.failures = 0;
      this.renewed(ids, held, from);
      this.asking = false;
      onWork();
    } catch (error) {
      this.asking = false;
      if (this.closed) return;
      outage.failed(error);
      // Nothing of it is begun before the storage has answered.
      this.entries = this.entries.map(({ job }) => ({ job, goodUntil: Number.NEGATIVE_INFINITY }));
      timers.after('ask-failed', this.waitMs(), onWork);
    }
  }

  private waitMs(): number {
    const wait = Math.min(FIRST_WAIT_MS * 2 ** this.failures, LONGEST_WAIT_MS);
    this.failures += 1;
    return wait;
  }
}
