import { once, setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers';
import { fulfilledWithin, type Clock } from '../../base/clock.js';
import { runOutside } from '../../base/outside.js';
import {
  abortedError,
  MailDeliveryError,
  MailRelayError,
  type MailDisposition,
  type MailError,
} from '../../base/errors.js';
import type { EventBus } from '../../events/event-bus.js';
import type { Mail } from '../../message/mail.js';
import { attemptDelivery } from '../../transports/attempt.js';
import { capacityOf, type MailDelivery, type MailTransport } from '../../transports/transport.js';
import { failureOf } from '../job.js';
import { claimWorker } from './claims.js';
import { Expiry } from './expiry.js';
import { Outage } from './outage.js';
import { settleDelivery, settleFailure, type OutcomeContext } from './outcome.js';
import { RateLimit } from '../../base/rate-limit.js';
import type { Lease, LeasedJob, MailRelay, Settlement } from '../relay.js';
import type { RelayOptions } from '../relay.options.js';
import { isTransportDown } from '../retry-policy.js';
import { TransportWatch } from './transport-watch.js';
import { Settler } from './settler.js';
import { Prefetch } from './prefetch.js';
import { Timers } from './timers.js';
import { Unreadable } from './unreadable.js';
import { WorkerEvents } from './worker-events.js';

/** Whatever a transport can carry: leased mail is in memory, and nobody else's to send. */
const MAX_CAPACITY = 2_000;
/** Leased mail in memory, in characters of its stored form: past it no more is leased. */
const MAX_CHARACTERS = 64 * 1024 * 1024;
/** The same of one lease. */
const MAX_LEASE_CHARACTERS = 32 * 1024 * 1024;
/** A transport of the user's own may never answer whether it is there, in milliseconds. */
const ASK_TIMEOUT_MS = 60_000;
/** Each listener of a signal is compared with all the others: attempts share this many signals in turn. */
const SIGNALS = 64;
/** After an abort, how long attempts have to fail, and storage to take the outcomes, in milliseconds. */
const ABORT_GRACE_MS = 500;
const SETTLE_GRACE_MS = 2_000;

export interface RelayWorkerParts {
  readonly relay: MailRelay;
  readonly transport: MailTransport;
  readonly options: RelayOptions;
  readonly events: EventBus;
  readonly clock: Clock;
  /** Name of the module instance. */
  readonly mailer?: string;
  /** From 0 up to but not including 1. Default: `Math.random`. */
  readonly random?: () => number;
}

/** What a worker did with what it held when it was told to stop. */
export interface WorkerSummary {
  readonly sent: number;
  /** Attempts that failed; their mails are deferred or dead. */
  readonly failed: number;
  /** Given back to storage, as if never leased. */
  readonly released: number;
  /** Aborted, and nobody knows whether they were accepted. */
  readonly abandoned: readonly { readonly mail: Mail; readonly disposition: MailDisposition }[];
}

/** Leases, delivers and settles: one worker for every driver. */
export class RelayWorker {
  private readonly settler: Settler;
  private readonly stock: Prefetch;
  private readonly timers: Timers;
  private readonly unreadable: Unreadable;
  private readonly expiry: Expiry;
  private readonly transport: TransportWatch;
  private readonly outage: Outage;
  private readonly report: WorkerEvents;
  private readonly rate?: RateLimit;
  private readonly random: () => number;
  private readonly aborts = Array.from({ length: SIGNALS }, () => new AbortController());
  private aborted = false;
  private asking?: AbortController;
  private started = 0;
  private readonly inFlight = new Map<string, LeasedJob>();
  private characters = 0;
  private stopping = false;
  private giveUpClaim?: () => void;
  private onFinished?: () => void;
  private counts = { sent: 0, failed: 0, released: 0 };
  private abandoned: { mail: Mail; disposition: MailDisposition }[] = [];

  constructor(private readonly parts: RelayWorkerParts) {
    const { options, relay, clock, random = Math.random } = parts;
    this.settler = new Settler(relay, clock, new Outage('settle', parts), () => this.pump());
    this.timers = new Timers(clock);
    this.transport = new TransportWatch(options.retry);
    this.outage = new Outage('deliver', parts);
    this.report = new WorkerEvents(parts);
    this.unreadable = new Unreadable({
      timers: this.timers,
      now: () => clock.now(),
      end: (end) => this.settler.add(end),
      onDead: (job) => this.report.corrupt(job),
    });
    this.expiry = new Expiry({
      relay,
      clock,
      lifetimeMs: options.retry.lifetimeMs,
      onLease: (lease, over) => this.swept(lease, over),
    });
    this.stock = new Prefetch({
      relay,
      outage: new Outage('lease', parts),
      timers: this.timers,
      clock,
      onUnreadable: (job) => this.unreadable.add(job),
      onForeign: (jobs) => this.report.foreign(jobs),
      isUnderWay: (id) => this.isUnderWay(id),
      onJobs: (jobs) => this.stocked(jobs),
      onLost: (jobs) => this.letGo(jobs),
      onWork: () => this.pump(),
    });
    if (options.ratePerSecond !== undefined) {
      this.rate = new RateLimit(options.ratePerSecond, clock);
    }
    this.random = random;
    setMaxListeners(0, ...this.aborts.map(({ signal }) => signal));
  }

  /** Mails under way at once. A transport may learn what it can carry. */
  private get concurrency(): number {
    const { options, transport } = this.parts;
    return options.concurrency ?? Math.min(MAX_CAPACITY, capacityOf(transport));
  }

  /** As many again as are under way lie ready, so that the transport never waits for storage. */
  private get mostHeld(): number {
    return this.concurrency * 2;
  }

  private get held(): number {
    return this.stock.size + this.inFlight.size + this.settler.size + this.unreadable.size;
  }

  private isUnderWay(id: string): boolean {
    return this.inFlight.has(id) || this.settler.has(id) || this.unreadable.has(id);
  }

  /**
   * Works from now on, outside the context of whoever calls it or wakes it later.
   * @throws MailConfigurationError where a worker of the same mailer is at the same storage already.
   */
  start(): Promise<void> {
    return runOutside(async () => {
      const { relay, mailer = '' } = this.parts;
      this.giveUpClaim = claimWorker(relay, mailer);
      await relay.consume({ mailer, onWork: () => runOutside(() => this.stock.workCame()) });
      if (this.stopping) return;
      this.beat();
      this.pump();
    });
  }

  /**
   * Leases no more, lets attempts finish for `timeoutMs` milliseconds, aborts the rest for `reason` and
   * gives back at once all that was not sent.
   */
  async drain(timeoutMs: number, reason: Error): Promise<WorkerSummary> {
    this.stopping = true;
    this.counts = { sent: 0, failed: 0, released: 0 };
    this.timers.cancel('rate', 'transport');
    this.asking?.abort(reason);
    // A lease on its way brings jobs to give back.
    const stocked = this.stock.close();
    this.releaseStock();
    this.unreadable.giveBack();
    const { clock } = this.parts;
    if (!(await fulfilledWithin(clock, timeoutMs, this.whenFinished()))) {
      this.aborted = true;
      for (const abort of this.aborts) abort.abort(reason);
      await fulfilledWithin(clock, ABORT_GRACE_MS, this.whenFinished());
      for (const job of [...this.inFlight.values()])
        this.finishAttempt(job, () => this.settleAfterLoss(job));
    }
    await fulfilledWithin(clock, SETTLE_GRACE_MS, stocked);
    this.settler.retryStuck();
    await fulfilledWithin(clock, SETTLE_GRACE_MS, this.settler.whenIdle());
    // Nothing here keeps the process alive any more, whatever storage and transport still do.
    this.report.unrecorded(this.settler.stop());
    this.report.close();
    this.timers.close();
    this.giveUpClaim?.();
    return { ...this.counts, abandoned: this.abandoned };
  }

  /** Starts what may start and leases what there is room for. Called whenever either may have changed. */
  private pump(): void {
    if (this.stopping) return;
    const most = this.transport.allows(this.concurrency);
    while (this.stock.size > 0 && this.inFlight.size < most) {
      if (this.rate && !this.rate.take()) {
        this.timers.after('rate', this.rate.waitMs, () => this.pump());
        break;
      }
      const job = this.stock.take();
      if (!job) break;
      if (this.expiry.isOver(job)) this.expire(job);
      else this.startAttempt(job);
    }
    const room = Math.min(this.mostHeld - this.held, most * 2 - this.stock.size);
    const space = Math.min(MAX_LEASE_CHARACTERS, MAX_CHARACTERS - this.characters);
    if (room <= 0 || this.transport.isDown || space <= 0) return;
    // Few at a time would cost a transaction each.
    if (this.stock.size > 0 && room < this.concurrency / 2) return;
    this.stock.fill({ max: room, maxSize: space });
  }

  private stocked(jobs: readonly LeasedJob[]): void {
    for (const { mail, size = 0 } of jobs) {
      this.unreadable.forget(mail.id);
      this.characters += size;
    }
    if (this.stopping || this.transport.isDown) this.releaseStock();
    else setImmediate(() => this.pump());
  }

  private expire(job: LeasedJob): void {
    this.settle(job, this.expiry.settlement(job));
  }

  /** Leased while the transport is down, to look how old it is. */
  private swept({ jobs, unreadable }: Lease, over: readonly LeasedJob[]): void {
    unreadable.filter(({ id }) => !this.isUnderWay(id)).forEach((job) => this.unreadable.add(job));
    const expired = new Set(over);
    for (const job of jobs) {
      if (this.isUnderWay(job.mail.id)) continue;
      this.characters += job.size ?? 0;
      if (expired.has(job)) this.expire(job);
      else this.release(job);
    }
  }

  /** Others have them by now. */
  private letGo(jobs: readonly LeasedJob[]): void {
    for (const { size = 0 } of jobs) this.characters -= size;
  }

  private startAttempt(job: LeasedJob): void {
    this.inFlight.set(job.mail.id, job);
    const { transport, events, clock, mailer } = this.parts;
    const { signal } = this.aborts[(this.started += 1) % SIGNALS]!;
    const attempt = job.attempts + 1;
    attemptDelivery({ transport, events, clock, mailer, attempt }, job.mail, { signal }).then(
      ({ delivery }) => this.finishAttempt(job, () => this.succeed(job, delivery)),
      // attemptDelivery throws nothing else.
      (error: unknown) => this.finishAttempt(job, () => this.fail(job, error as MailError)),
    );
  }

  /** The attempt is over. What comes after the worker let go of it changes nothing. */
  private finishAttempt(job: LeasedJob, settle: () => void): void {
    if (this.inFlight.get(job.mail.id) !== job) return;
    this.inFlight.delete(job.mail.id);
    settle();
    if (this.inFlight.size === 0) this.onFinished?.();
    this.pump();
  }

  private whenFinished(): Promise<void> {
    if (this.inFlight.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.onFinished = resolve));
  }

  private succeed(job: LeasedJob, delivery: MailDelivery): void {
    this.transportProved();
    this.counts.sent += 1;
    this.settle(job, settleDelivery(job, delivery, this.context()), delivery);
  }

  private fail(job: LeasedJob, error: MailError): void {
    const { id } = job.mail;
    if (this.aborted) {
      this.settleAborted(job, error);
      return;
    }
    if (isTransportDown(error)) {
      const blamed = this.transport.blames(id);
      this.transport.suspect(id);
      const pause = this.leaveTransport(error);
      if (!blamed) {
        this.requeue(job, error, pause);
        return;
      }
    } else if (error.disposition !== 'unknown') {
      // It answered, if only to refuse this mail.
      this.transportProved();
    }
    this.counts.failed += 1;
    const told = error instanceof MailDeliveryError ? error : undefined;
    this.settle(job, settleFailure(job, error, this.context()), told);
  }

  /** The transport is down: nothing is said about the mail, unless its time is over anyway. */
  private requeue(job: LeasedJob, error: MailError, delayMs: number): void {
    const { mail, attempts, unknowns, bornAt } = job;
    const now = this.parts.clock.now();
    const failure = failureOf(error, now);
    if (now - bornAt > this.parts.options.retry.lifetimeMs) {
      this.counts.failed += 1;
      const { id } = mail;
      this.settle(job, { id, outcome: 'dead', reason: 'expired', attempts, unknowns, failure });
      return;
    }
    this.release(job);
    this.report.transportDown(job, delayMs, failure);
  }

  /** Aborted by us at the deadline: back to storage, unless it may have been accepted. */
  private settleAborted(job: LeasedJob, error: MailError): void {
    if (error.disposition === 'retry') {
      this.release(job);
      return;
    }
    if (error.disposition === 'unknown') {
      this.abandoned.push({ mail: job.mail, disposition: 'unknown' });
    } else {
      this.counts.failed += 1;
    }
    this.settle(job, settleFailure(job, error, this.context()));
  }

  /** The transport did not even answer the abort. */
  private settleAfterLoss(job: LeasedJob): void {
    this.settleAborted(
      job,
      abortedError({
        disposition: 'unknown',
        fault: 'transport',
        stage: 'queue',
        message: `The drain deadline passed while mail ${job.mail.id} was in flight, and its transport did not say what became of it`,
      }),
    );
  }

  private settle(
    job: LeasedJob,
    settlement: Settlement,
    told?: Parameters<WorkerEvents['settled']>[2],
  ): void {
    if (settlement.outcome !== 'deferred') this.transport.forget(job.mail.id);
    this.characters -= job.size ?? 0;
    this.settler.add(settlement);
    this.report.settled(job, settlement, told);
  }

  private release(job: LeasedJob): void {
    this.counts.released += 1;
    this.characters -= job.size ?? 0;
    this.settler.add({ id: job.mail.id, outcome: 'released' });
  }

  private releaseStock(): void {
    for (const job of this.stock.takeAll()) this.release(job);
  }

  private transportProved(): void {
    this.transport.proved();
    this.expiry.up();
    this.outage.over();
  }

  /** Leaves the transport alone for a while. Answers for how long, in milliseconds. */
  private leaveTransport(error: MailError): number {
    const pause = this.transport.failed(retryAfterOf(error), this.random());
    this.expiry.down(error);
    if (pause === undefined) return 0;
    if (this.transport.staysDown) this.outage.failed(error);
    // Another process may have a better transport.
    this.releaseStock();
    if (!this.stopping) this.timers.after('transport', pause, () => void this.askTransport());
    return pause;
  }

  private async askTransport(): Promise<void> {
    const { transport, clock } = this.parts;
    let fault: unknown = new MailRelayError('The transport did not answer whether it takes mail');
    const asking = (this.asking = new AbortController());
    const stopped = once(asking.signal, 'abort').then(() => Promise.reject(new Error('stopped')));
    // A transport of the user's own may throw at once.
    const asked = (async () => transport.verify({ signal: asking.signal }))();
    asked.catch((error: unknown) => (fault = error));
    const answered = await fulfilledWithin(clock, ASK_TIMEOUT_MS, Promise.race([asked, stopped]));
    if (this.stopping) return;
    if (answered) {
      this.transport.answered();
      this.pump();
      return;
    }
    const wait = this.transport.stillDown(retryAfterOf(fault), this.random());
    this.outage.failed(fault);
    this.expiry.down(fault);
    // A storage that is down, too, is told where mail is leased.
    await this.expiry.sweep().catch(() => undefined);
    if (this.isStopping()) return;
    this.timers.after('transport', wait, () => void this.askTransport());
  }

  /** Asked anew after a wait, in which a drain may have begun. */
  private isStopping(): boolean {
    return this.stopping;
  }

  /** Renews what is held, so that nobody else takes it. */
  private beat(): void {
    const { relay, clock } = this.parts;
    const { heartbeatMs } = relay;
    if (heartbeatMs === undefined) return;
    this.timers.after('beat', heartbeatMs, () => {
      const ids = [
        ...this.stock.ids(),
        ...this.inFlight.keys(),
        ...this.settler.ids(),
        ...this.unreadable.ids(),
      ];
      const from = clock.monotonic();
      const beaten =
        ids.length === 0
          ? Promise.resolve()
          : relay.heartbeat(ids).then((held) => this.stock.renewed(ids, held, from));
      // A storage that is down says so where it matters; the next beat comes anyway.
      beaten.catch(() => undefined).finally(() => this.beat());
    });
  }

  private context(): OutcomeContext {
    const { clock, options } = this.parts;
    return { policy: options.retry, now: clock.now(), random: this.random() };
  }
}

function retryAfterOf(error: unknown): number {
  return (error instanceof MailDeliveryError ? error.retryAfterMs : undefined) ?? 0;
}
