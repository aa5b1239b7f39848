import { setImmediate } from 'node:timers';
import type { Clock } from '../../base/clock.js';
import type { Outage } from './outage.js';
import { UnrecordedError, type MailRelay, type Settlement } from '../relay.js';

/** More in one batch would make a failed one costly to repeat. */
const MAX_BATCH = 1_000;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;
/** Outcomes that cannot be recorded while others can are tried again after this, doubled each time, in milliseconds. */
const FIRST_STUCK_WAIT_MS = 1_000;
const LONGEST_STUCK_WAIT_MS = 60_000;
/** So many of them wait aside; more, and nothing is leased any more. */
const MAX_STUCK = 100_000;

/** How a lease ends: settled, or given back. */
export type LeaseEnd = Settlement | { readonly id: string; readonly outcome: 'released' };

/**
 * Records how leases end, all that came together in one batch. A storage that fails is asked again
 * until it takes the batch: an outcome that is lost would send its mail twice. Those that a working
 * storage does not take, for a damaged page, wait aside and are tried again for as long as the process
 * lives, so that one of them holds up nobody else.
 */
export class Settler {
  private waiting: LeaseEnd[] = [];
  private running: LeaseEnd[] = [];
  /** A working storage did not take them. */
  private readonly stuck = new Map<string, LeaseEnd>();
  /** All of these three, by id. */
  private readonly open = new Set<string>();
  /** What was in a batch that failed and is not recorded yet. */
  private readonly troubled = new Set<string>();
  /** What failed alone, with what had been recorded by then. */
  private readonly failedAlone = new Map<string, number>();
  private batch = MAX_BATCH;
  private recorded = 0;
  private scheduled = false;
  private failures = 0;
  private stuckWaitMs = FIRST_STUCK_WAIT_MS;
  private stopped = false;
  private stopWaiting?: () => void;
  private stopStuck?: () => void;
  private readonly idle: (() => void)[] = [];

  constructor(
    private readonly relay: MailRelay,
    private readonly clock: Clock,
    private readonly outage: Outage,
    /** Called when a batch is stored, or has failed. */
    private readonly onBatch: () => void,
  ) {}

  /** How many hold up the worker. */
  get size(): number {
    const aside = this.stuck.size > MAX_STUCK ? this.stuck.size : 0;
    return this.waiting.length + this.running.length + aside;
  }

  /** Those whose end is not recorded. */
  ids(): string[] {
    return [...this.open];
  }

  has(id: string): boolean {
    return this.open.has(id);
  }

  add(end: LeaseEnd): void {
    this.open.add(end.id);
    this.waiting.push(end);
    this.schedule();
  }

  /** Tries those aside once more. */
  retryStuck(): void {
    this.stopStuck?.();
    this.stopStuck = undefined;
    for (const [id, end] of [...this.stuck].slice(0, this.batch)) {
      this.stuck.delete(id);
      this.waiting.push(end);
    }
    // The others have their turn after these.
    if (this.stuck.size > 0 && !this.stopped) this.stopStuck = this.waitForStuck();
    this.schedule();
  }

  /**
   * Asks a storage that fails no more. Returns the ids of mails that are done with and not recorded: only
   * what the storage itself keeps of them saves them from being sent again.
   */
  stop(): readonly string[] {
    this.stopped = true;
    this.stopWaiting?.();
    this.stopStuck?.();
    const ends = [...this.waiting, ...this.running, ...this.stuck.values()];
    return ends.filter(({ outcome }) => outcome !== 'released').map(({ id }) => id);
  }

  whenIdle(): Promise<void> {
    if (this.waiting.length + this.running.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private schedule(): void {
    if (this.stopped && this.failures > 0) return;
    if (this.scheduled || this.running.length > 0 || this.waiting.length === 0) return;
    this.scheduled = true;
    const run = () => {
      this.scheduled = false;
      void this.flush();
    };
    if (this.failures === 0) setImmediate(run);
    else {
      const wait = Math.min(FIRST_WAIT_MS * 2 ** (this.failures - 1), LONGEST_WAIT_MS);
      this.stopWaiting = this.clock.after(wait, run, { keepAlive: true });
    }
  }

  private async flush(): Promise<void> {
    this.running = this.waiting.splice(0, this.batch);
    try {
      await this.store();
      this.failures = 0;
      this.batch = Math.min(MAX_BATCH, this.batch * 2);
      if (this.troubled.size === 0) {
        this.stuckWaitMs = FIRST_STUCK_WAIT_MS;
        this.outage.over();
      }
    } catch (error) {
      this.outage.failed(error);
      if (error instanceof UnrecordedError) this.putAside(error);
      else this.tryAgain();
    }
    this.running = [];
    this.schedule();
    this.onBatch();
    if (this.size === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  private async store(): Promise<void> {
    const settled = this.running.filter((end) => end.outcome !== 'released');
    const released = this.running.filter((end) => end.outcome === 'released');
    if (settled.length > 0) await this.relay.settle(settled);
    this.done(settled);
    // What is stored is not repeated: by then it may be leased again.
    this.running = released;
    if (released.length > 0) await this.relay.release(released.map(({ id }) => id));
    this.done(released);
  }

  private done(ends: readonly LeaseEnd[]): void {
    this.recorded += ends.length;
    for (const { id } of ends) {
      this.open.delete(id);
      this.troubled.delete(id);
      this.failedAlone.delete(id);
    }
  }

  /** The storage works, and took all but these. */
  private putAside({ ids }: UnrecordedError): void {
    const lost = new Set(ids);
    const settled = this.running.filter(({ outcome }) => outcome !== 'released');
    this.done(settled.filter(({ id }) => !lost.has(id)));
    for (const end of settled) if (lost.has(end.id)) this.keepAside(end);
    this.waiting.unshift(...this.running.filter(({ outcome }) => outcome === 'released'));
  }

  /** Nothing of the batch is known to be stored: in smaller ones, so that one that never is stands alone. */
  private tryAgain(): void {
    const [alone] = this.running;
    const before = alone && this.failedAlone.get(alone.id);
    this.failures += 1;
    for (const { id } of this.running) this.troubled.add(id);
    if (this.running.length === 1 && before !== undefined && before < this.recorded) {
      this.failedAlone.delete(alone!.id);
      this.keepAside(alone!);
      return;
    }
    if (this.running.length === 1) this.failedAlone.set(alone!.id, before ?? this.recorded);
    this.batch = Math.max(1, Math.ceil(this.running.length / 2));
    this.waiting.push(...this.running);
  }

  private waitForStuck(): () => void {
    const wait = this.stuckWaitMs;
    this.stuckWaitMs = Math.min(wait * 2, LONGEST_STUCK_WAIT_MS);
    return this.clock.after(wait, () => this.retryStuck());
  }

  private keepAside(end: LeaseEnd): void {
    this.stuck.set(end.id, end);
    this.troubled.add(end.id);
    if (this.stopped) return;
    this.stopStuck ??= this.waitForStuck();
  }
}
