import type { Outage } from './outage.js';
import type { LeasedJob, LeaseRequest, MailRelay, UnreadableJob } from '../relay.js';
import type { Timers } from './timers.js';

/** Storage that failed to lease is asked again after this, doubled each time, in milliseconds. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

export interface StockParts {
  readonly relay: MailRelay;
  readonly outage: Outage;
  readonly timers: Timers;
  readonly onUnreadable: (job: UnreadableJob) => void;
  /** Under way here, or its outcome is not recorded yet: a lease that brings it again changes nothing. */
  readonly isUnderWay: (id: string) => boolean;
  /** Jobs have come. */
  readonly onJobs: (jobs: readonly LeasedJob[]) => void;
  /** There may be something to lease. */
  readonly onWork: () => void;
}

/** What is leased and not begun, and how more is got. */
export class Prefetch {
  private readonly jobs: LeasedJob[] = [];
  private leasing?: Promise<void>;
  /** Work came while a lease was on its way, which may have missed it. */
  private cameMeanwhile = false;
  private failures = 0;
  private closed = false;

  constructor(private readonly parts: StockParts) {}

  get size(): number {
    return this.jobs.length;
  }

  ids(): string[] {
    return this.jobs.map(({ mail }) => mail.id);
  }

  take(): LeasedJob | undefined {
    return this.jobs.shift();
  }

  takeAll(): LeasedJob[] {
    return this.jobs.splice(0);
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
    this.parts.timers.cancel('lease', 'lease-failed');
    await this.leasing;
  }

  private async lease(request: LeaseRequest): Promise<void> {
    const { relay, outage, timers, onUnreadable, isUnderWay, onJobs, onWork } = this.parts;
    try {
      const { jobs: leased, unreadable, againInMs, damage } = await relay.lease(request);
      this.failures = 0;
      if (damage) outage.failed(damage);
      else outage.over();
      unreadable.filter(({ id }) => !isUnderWay(id)).forEach(onUnreadable);
      const here = new Set(this.ids());
      const jobs = leased.filter(({ mail: { id } }) => !here.has(id) && !isUnderWay(id));
      this.jobs.push(...jobs);
      if (jobs.length > 0) onJobs(jobs);
      else if (againInMs !== undefined && !this.closed) timers.after('lease', againInMs, onWork);
    } catch (error) {
      if (this.closed) return;
      outage.failed(error);
      // Storage that is down comes back; until then mail stays where it is.
      const wait = Math.min(FIRST_WAIT_MS * 2 ** this.failures, LONGEST_WAIT_MS);
      this.failures += 1;
      timers.after('lease-failed', wait, onWork);
    }
  }
}
