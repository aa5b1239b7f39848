import { setImmediate } from 'node:timers';
import { nextTick } from 'node:process';
import { type MailDeliveryError, MailShutdownError } from '../../../base/errors.js';
import type { MailDelivery } from '../../transport.js';
import type { Capabilities } from '../protocol/capabilities.js';
import type { WireMail } from '../protocol/commands.js';
import { Connection, type ConnectionHost, MAX_BYTES_IN_FLIGHT } from '../connection/connection.js';
import type { ReturnedJob } from '../connection/connection-loss.js';
import { successorsOf, workersOf } from './rotation.js';
import type { SmtpContext } from '../session/context.js';
import { Backlog } from './backlog.js';
import { Job, type JobHolder, type Prepare } from '../connection/job.js';
import { Opener } from './opener.js';
import { PacedStart } from './paced-start.js';
import { ServerLimits } from './server-limits.js';
import type { Mode } from '../protocol/step.js';

/** How often a mail that was surely not accepted is sent again at once after a lost connection. */
const MAX_RESENDS = 2;
const PROBE: WireMail = {
  envelope: { from: '', to: [] },
  content: Buffer.alloc(0),
  probe: true,
};
/** Content that is made before there is room for it. */
const AHEAD_BYTES = 262_144;
/** How long a server that refused a successor is not asked for one again. */
const NO_SUCCESSORS_MS = 600_000;

/**
 * Connections to one server and the mails that wait for them. Mails go out in the order they came in,
 * to the connection with least outstanding; connections grow with the backlog.
 */
export class SmtpPool implements ConnectionHost, JobHolder {
  enhancedCodesReliable = true;
  readonly limits: ServerLimits;
  private readonly backlog = new Backlog(() => {
    this.schedule();
  });
  private readonly connections = new Set<Connection>();
  private readonly opener: Opener;
  private readonly pace: PacedStart;
  private scheduled = false;
  /** Until when no connection is opened before the one that it replaces is gone. */
  private succeedAfter = -Infinity;
  /** How the last session that was opened could be used; undefined until there was one. */
  private mode: Mode | undefined;
  private closing: Promise<void> | undefined;
  private onDrained: (() => void) | undefined;
  private destroyed: { readonly reason: unknown } | undefined;

  constructor(private readonly context: SmtpContext) {
    const { options, clock, errors } = context;
    this.limits = new ServerLimits(errors.transport, clock);
    this.pace = new PacedStart(options.pool.maxPerSecond, clock, () => {
      this.schedule();
    });
    this.opener = new Opener(context, {
      opened: (session) => {
        this.limits.greeted(session.greeting);
        this.mode = this.modeFor(session.capabilities);
        this.connections.add(new Connection(session, context, this));
        this.schedule();
      },
      failed: (error) => {
        this.openFailed(error);
      },
      others: () => this.connections.size > 0,
      mayTry: () => {
        this.schedule();
      },
    });
  }

  /** Mails on the wire at once, over all connections; what the options allow until a server is known. */
  get capacity(): number {
    const { pipelining, chunking, lmtp, pool } = this.context.options;
    const { maxConnections, maxInFlight, maxQueued } = pool;
    const best = pipelining ? (chunking && !lmtp ? 'chunking' : 'pipelining') : 'lockstep';
    const pipelined = this.limits.behindContent ? 2 : 1;
    const most = { chunking: maxInFlight, pipelining: pipelined, lockstep: 1 }[this.mode ?? best];
    // What comes before a connection is there has to wait for it.
    return maxConnections + Math.min(maxConnections * (Math.min(most, maxInFlight) - 1), maxQueued);
  }

  /**
   * Sends one mail.
   * @throws MailDeliveryError, or MailShutdownError after `close` or `destroy`.
   */
  deliver(prepare: Prepare, signal?: AbortSignal): Promise<MailDelivery> {
    const { errors, options } = this.context;
    const { maxQueued } = options.pool;
    if (this.closing) return Promise.reject(new MailShutdownError());
    if (signal?.aborted) return Promise.reject(errors.aborted('queue', signal.reason));
    if (this.backlog.size >= maxQueued && this.backlog.size >= maxQueued + this.freeSlots()) {
      return Promise.reject(errors.queueFull(maxQueued));
    }
    return new Promise((resolve, reject) => {
      this.backlog.add(new Job(prepare, this, resolve, reject, signal));
      this.schedule();
    });
  }

  /** Asks an idle connection, or a new one, whether the server is there. */
  async verify(signal?: AbortSignal): Promise<void> {
    await this.deliver(() => PROBE, signal);
  }

  /** Takes no more mail, finishes what it has, says QUIT everywhere. */
  close(): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      this.onDrained = resolve;
      this.schedule();
    });
    return this.closing;
  }

  /** Tears everything down at once. */
  destroy(reason?: unknown): Promise<void> {
    const closed = this.close();
    if (!this.destroyed) {
      this.destroyed = { reason };
      // The first of them wait for the sessions that are being opened, the others in line.
      const { opening, stage } = this.opener;
      this.backlog.rejectAll((place) =>
        this.context.errors.aborted(place < opening ? stage : 'queue', reason),
      );
      this.opener.stop(reason);
      for (const connection of [...this.connections]) connection.destroy(reason);
    }
    this.maybeDrained();
    return closed;
  }

  modeFor(capabilities: Capabilities): Mode {
    const { pipelining, chunking, lmtp } = this.context.options;
    if (!pipelining || !capabilities.pipelining) return 'lockstep';
    // Over LMTP the replies to content are as many as recipients were accepted: those come first.
    const offered = chunking && capabilities.chunking && !lmtp ? 'chunking' : 'pipelining';
    return this.limits.modeFor(offered);
  }

  attend(): void {
    this.schedule();
  }

  /** What was learned counts from the next mail on. */
  steppedDown(capabilities: Capabilities): void {
    this.mode = this.modeFor(capabilities);
  }

  gone(connection: Connection, returned: readonly ReturnedJob[]): void {
    this.connections.delete(connection);
    // From the last to the first, so that they keep their order at the head.
    for (let i = returned.length - 1; i >= 0; i -= 1) this.takeBack(returned[i]!);
    this.schedule();
  }

  /** The caller of a waiting mail gave up. */
  abandon(job: Job): void {
    const { backlog, opener } = this;
    backlog.remove(job);
    // The last one that wanted a session takes the attempt to open it along.
    const alone = backlog.size === 0 && opener.opening > 0;
    const stage = alone ? opener.stage : 'queue';
    job.reject(this.context.errors.aborted(stage, job.signal?.reason));
    // Also the wait before the next one.
    if (backlog.size === 0) opener.cancel(job.signal?.reason);
    this.schedule();
  }

  private takeBack({ job, error, again }: ReturnedJob): void {
    if (this.destroyed) {
      job.reject(this.context.errors.aborted(error.stage, this.destroyed.reason));
    } else if (!again || job.resends > MAX_RESENDS) {
      job.reject(error);
    } else {
      job.holder = this;
      this.backlog.giveBack(job);
    }
  }

  /** Once for all that happens in this turn of the event loop, so that it makes one write. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    // A write that finds the server asleep costs more than all else about a mail. With one mail a write,
    // those of all connections that were answered go out together.
    if (this.mode === 'pipelining') setImmediate(this.run);
    else nextTick(this.run);
  }

  private readonly run = (): void => {
    this.scheduled = false;
    const workers = this.workers();
    this.dispatch(workers);
    // Not before: what a connection was given goes out with what it has to say anyway.
    for (const connection of this.connections) if (connection.due) connection.flush();
    // Made while the server is at the last ones, the next are there when it answers.
    const { maxConnections, maxInFlight } = this.context.options.pool;
    this.backlog.prepare(this.mode === 'chunking' ? maxInFlight : maxConnections, AHEAD_BYTES);
    this.grow(workers);
    if (this.closing) this.wind();
    this.maybeDrained();
  };

  /** Closes what is no longer needed. A mail on the wire may come back and want a connection yet. */
  private wind(): void {
    if (this.backlog.size > 0) return;
    let outstanding = 0;
    for (const connection of this.connections) outstanding += connection.outstanding;
    if (outstanding === 0) this.opener.stop(new MailShutdownError());
    for (const connection of [...this.connections]) connection.retire();
  }

  private workers(): Connection[] {
    return workersOf(this.connections, this.context.options.pool.maxConnections);
  }

  private dispatch(workers: readonly Connection[]): void {
    const { backlog } = this;
    if (backlog.size === 0) return;
    const free: Connection[] = [];
    let slots = 0;
    for (const one of workers) {
      const capacity = one.capacity();
      if (capacity > 0) free.push(one);
      slots += capacity;
    }
    backlog.prepare(slots, free.length * MAX_BYTES_IN_FLIGHT);
    while (free.length > 0) {
      // Long contents are made one by one.
      if (!backlog.hasReady) backlog.prepare(1, MAX_BYTES_IN_FLIGHT);
      if (!backlog.hasReady || !this.pace.take()) break;
      let best = 0;
      for (let i = 1; i < free.length; i += 1) {
        if (free[i]!.outstanding < free[best]!.outstanding) best = i;
      }
      const connection = free[best]!;
      connection.accept(backlog.take()!);
      connection.due = true;
      if (connection.capacity() <= 0) free.splice(best, 1);
    }
  }

  private grow(workers: readonly Connection[]): void {
    const { backlog, opener } = this;
    const { maxConnections, maxInFlight } = this.context.options.pool;
    if (backlog.size === 0 || this.pace.waiting) return;
    let room = 0;
    for (const one of workers) room += one.room();
    const each = this.mode === 'chunking' ? maxInFlight : 1;
    const missing = Math.ceil((backlog.size - room) / each);
    const { size } = this.connections;
    if (this.context.clock.monotonic() < this.succeedAfter) {
      opener.want(Math.min(missing, maxConnections - size));
      return;
    }
    const wanted = Math.max(0, Math.min(missing, maxConnections - workers.length));
    opener.want(
      Math.min(wanted + successorsOf(this.connections, workers), 2 * maxConnections - size),
    );
  }

  private openFailed(error: MailDeliveryError): void {
    if (this.connections.size >= this.context.options.pool.maxConnections) {
      // It was a successor, and the server takes no more than we have: replace them one after the other.
      this.succeedAfter = this.context.clock.monotonic() + NO_SUCCESSORS_MS;
      this.opener.forgive();
    }
    // While another transport to the server is open or opening, the mails can wait for that.
    if (this.connections.size > 0 || this.opener.opening > 0) return;
    this.backlog.rejectAll(() => this.context.errors.again(error));
    this.schedule();
  }

  /** Mails that go to the wire without waiting do not count as waiting. */
  private freeSlots(): number {
    const workers = this.workers();
    let slots = this.context.options.pool.maxConnections - workers.length;
    for (const one of workers) slots += one.room();
    return slots;
  }

  private maybeDrained(): void {
    if (!this.onDrained || this.backlog.size > 0 || this.connections.size > 0) return;
    if (this.opener.opening > 0) return;
    this.pace.stop();
    this.onDrained();
    this.onDrained = undefined;
  }
}
