import type { Clock } from '../../clock.js';
import { MailDeliveryError } from '../../errors.js';
import type { SmtpConnection } from './connection.js';
import type { SmtpErrors } from './smtp-errors.js';
import type { SmtpPoolOptions } from './smtp.options.js';
import { WaitingJobs, type Job } from './waiting-jobs.js';

/** After a connection could not be opened while others serve, no further one is tried for so long. */
const GROWTH_PAUSE_MS = 5_000;

export interface PoolContext {
  readonly options: Required<SmtpPoolOptions>;
  readonly errors: SmtpErrors;
  readonly clock: Clock;
  readonly open: (signal: AbortSignal) => Promise<SmtpConnection>;
}

interface Slot {
  connection?: SmtpConnection;
  busy: boolean;
  cancelReaping?: () => void;
}

/**
 * Connections that are opened when needed and used again. A mail takes the connection that was used
 * last, so that those too many come to rest and are reaped; those that find none wait in line.
 */
export class SmtpPool {
  private readonly slots = new Set<Slot>();
  private readonly waiting: WaitingJobs;
  private readonly running = new Set<AbortController>();
  private growthPausedUntil = -Infinity;
  private draining = false;
  private closed: Promise<void> | undefined;
  private onIdle: (() => void) | undefined;
  /** Connections that are saying QUIT. */
  private readonly leaving = new Map<SmtpConnection, Promise<void>>();

  constructor(private readonly context: PoolContext) {
    this.waiting = new WaitingJobs(context.options.maxQueued, context.errors);
  }

  /**
   * Runs `work` with a connection of its own. When the server turns out to have closed a used one
   * before it said anything about this work, it runs once more on a new connection.
   */
  async run<T>(
    work: (connection: SmtpConnection, signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    if (signal?.aborted) throw this.context.errors.aborted('queue', signal.reason);
    const stop = new AbortController();
    const abort = () => {
      stop.abort(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.running.add(stop);
    try {
      return await new Promise<T>((resolve, reject) => {
        const start = async (connection: SmtpConnection) => {
          resolve(await work(connection, stop.signal));
        };
        this.waiting.add({ start, reject, signal: stop.signal }, this.hasRoom());
        this.dispatch();
      });
    } finally {
      this.running.delete(stop);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Takes no more work, finishes what it has, says QUIT everywhere. */
  close(): Promise<void> {
    this.closed ??= this.drain();
    return this.closed;
  }

  /** Tears down every connection; whatever is in flight or waiting fails now. */
  async destroy(reason?: Error): Promise<void> {
    const why = reason ?? new Error('the transport was destroyed');
    for (const stop of this.running) stop.abort(why);
    for (const slot of this.slots) slot.connection?.destroy(why);
    for (const connection of this.leaving.keys()) connection.destroy(why);
    await this.close();
  }

  private async drain(): Promise<void> {
    this.draining = true;
    for (const slot of this.slots) if (!slot.busy) this.retire(slot);
    if (this.slots.size > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
    await Promise.all(this.leaving.values());
  }

  private hasRoom(): boolean {
    return this.slots.size < this.context.options.maxConnections || this.idle() !== undefined;
  }

  private idle(): Slot | undefined {
    return [...this.slots].findLast((slot) => !slot.busy);
  }

  private dispatch(): void {
    while (this.waiting.size > 0) {
      const slot = this.idle() ?? this.grow();
      if (!slot) return;
      void this.serve(slot, this.waiting.take()!);
    }
  }

  private grow(): Slot | undefined {
    const { options, clock } = this.context;
    if (this.slots.size >= options.maxConnections) return undefined;
    if (this.slots.size > 0 && clock.monotonic() < this.growthPausedUntil) return undefined;
    const slot: Slot = { busy: false };
    this.slots.add(slot);
    return slot;
  }

  private async serve(slot: Slot, job: Job): Promise<void> {
    slot.busy = true;
    slot.cancelReaping?.();
    const used = slot.connection?.usable === true;
    try {
      let connection = await this.connect(slot, job);
      if (!connection) return;
      try {
        await job.start(connection);
      } catch (error) {
        if (!used || !closedWhileIdle(connection, error)) throw error;
        slot.connection = undefined;
        connection = await this.connect(slot, job);
        if (connection) await job.start(connection);
      }
    } catch (error) {
      job.reject(error);
    } finally {
      this.release(slot);
    }
  }

  /** The slot's connection, opened if need be; `undefined` when the job was dealt with otherwise. */
  private async connect(slot: Slot, job: Job): Promise<SmtpConnection | undefined> {
    if (slot.connection?.usable) return slot.connection;
    slot.connection = undefined;
    try {
      slot.connection = await this.context.open(job.signal);
      return slot.connection;
    } catch (error) {
      if (job.signal.aborted || !(error instanceof MailDeliveryError)) throw error;
      this.growthPausedUntil = this.context.clock.monotonic() + GROWTH_PAUSE_MS;
      this.slots.delete(slot);
      if (this.slots.size > 0) {
        // The others get through: a server may well limit their number.
        this.waiting.giveBack(job);
      } else {
        // Nobody gets through. Trying anew for each in line would only hammer the server.
        job.reject(error);
        this.waiting.rejectAll(error);
      }
      return undefined;
    }
  }

  private release(slot: Slot): void {
    slot.busy = false;
    const { connection } = slot;
    const { maxMessages } = this.context.options;
    const wornOut = maxMessages > 0 && (connection?.mails ?? 0) >= maxMessages;
    if (!connection?.usable || wornOut) {
      this.retire(slot);
    } else if (this.slots.delete(slot)) {
      // The last one used stands last, to be taken first.
      this.slots.add(slot);
      this.reapWhenIdle(slot);
    }
    this.dispatch();
    if (this.draining && this.idle() === slot) this.retire(slot);
  }

  private reapWhenIdle(slot: Slot): void {
    slot.cancelReaping?.();
    slot.cancelReaping = this.context.clock.after(this.context.options.idleTimeoutMs, () => {
      this.retire(slot);
    });
  }

  private retire(slot: Slot): void {
    slot.cancelReaping?.();
    this.slots.delete(slot);
    const { connection } = slot;
    if (connection?.usable) {
      const quit = connection.quit().finally(() => this.leaving.delete(connection));
      this.leaving.set(connection, quit);
    }
    this.settle();
  }

  private settle(): void {
    if (this.slots.size === 0 && this.waiting.size === 0) this.onIdle?.();
  }
}

/** An idle connection that the server had closed by then, or closed with a 421 instead of an answer. */
function closedWhileIdle(connection: SmtpConnection, error: unknown): boolean {
  if (!(error instanceof MailDeliveryError)) return false;
  if (error.smtpCode === 421) return error.stage === 'mail';
  return error.code === 'MAIL_CONNECTION_LOST' && connection.unanswered;
}
