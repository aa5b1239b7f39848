import { setImmediate } from 'node:timers';
import type { Clock } from '../../base/clock.js';
import type { Outage } from './outage.js';
import type { MailRelay, Settlement } from '../relay.js';

/** More in one batch would make a failed one costly to repeat. */
const MAX_BATCH = 1_000;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

/** How a lease ends: settled, or given back. */
export type LeaseEnd = Settlement | { readonly id: string; readonly outcome: 'released' };

/**
 * Records how leases end, all that came together in one batch. A storage that fails is asked again
 * until it takes the batch: an outcome that is lost would send its mail twice.
 */
export class Settler {
  private waiting: LeaseEnd[] = [];
  private running: LeaseEnd[] = [];
  private scheduled = false;
  private failures = 0;
  private stopped = false;
  private stopWaiting?: () => void;
  private readonly idle: (() => void)[] = [];

  constructor(
    private readonly relay: MailRelay,
    private readonly clock: Clock,
    private readonly outage: Outage,
    /** Called when a batch is stored, or has failed. */
    private readonly onBatch: () => void,
  ) {}

  get size(): number {
    return this.waiting.length + this.running.length;
  }

  ids(): string[] {
    return [...this.waiting, ...this.running].map(({ id }) => id);
  }

  has(id: string): boolean {
    return [...this.waiting, ...this.running].some((end) => end.id === id);
  }

  add(end: LeaseEnd): void {
    this.waiting.push(end);
    this.schedule();
  }

  /** Asks a storage that fails no more; what it has not taken by now comes back when its lease ends. */
  stop(): void {
    this.stopped = true;
    this.stopWaiting?.();
  }

  whenIdle(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
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
    this.running = this.waiting.splice(0, MAX_BATCH);
    try {
      await this.store();
      this.failures = 0;
      this.outage.over();
    } catch (error) {
      this.failures += 1;
      this.outage.failed(error);
      this.waiting.unshift(...this.running);
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
    // What is stored is not repeated: by then it may be leased again.
    this.running = released;
    if (released.length > 0) await this.relay.release(released.map(({ id }) => id));
  }
}
