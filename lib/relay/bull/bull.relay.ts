import { randomUUID } from 'node:crypto';
import { fulfilledWithin, systemClock, type Clock } from '../../base/clock.js';
import { MailRelayError } from '../../base/errors.js';
import { problemOf } from '../job.js';
import type {
  ConsumeOptions,
  EnqueueOutcome,
  JobDetails,
  JobSummary,
  Lease,
  LeasedJob,
  LeaseRequest,
  ListOptions,
  MailRelay,
  NewJob,
  RelayStats,
  Settlement,
  UnreadableJob,
} from '../relay.js';
import type { BullQueue, RedisClient } from './bull-queue.js';
import { BullAdmin } from './bull-admin.js';
import type { ResolvedBullOptions } from './bull.options.js';
import { Intake, type StoreAnswer } from './intake.js';
import { readJob } from './job-hash.js';
import type { MailConsumer } from './mail.consumer.js';
import { RedisCheck } from './redis-check.js';
import { RedisLink } from './redis-link.js';
import { encodeSettlement, tooManyDeaths, type HeldJob } from './encode-settlement.js';
import { forgetSubscriptions } from './subscriptions.js';

/** How often jobs whose worker died are looked for, in milliseconds. */
const RECOVER_EVERY_MS = 1_000;
/** How long Bull may take to close politely, in milliseconds. */
const CLOSE_GRACE_MS = 2_000;
const REPEATABLE = { repeatable: true } as const;

interface Held extends HeldJob {
  /** Counts leases: what was leased last is given back first. */
  readonly order: number;
}

export interface BullRelayParts {
  readonly queue: BullQueue;
  readonly options: ResolvedBullOptions;
  /** Whether the queue is this driver's to close. */
  readonly ownsQueue: boolean;
  /** Whether its connections are nobody else's. */
  readonly ownsClient: boolean;
  /** Absent for a producer. */
  readonly consumer?: MailConsumer;
  readonly clock?: Clock;
}

/** The driver over a queue of Bull: what it accepts, Redis has acknowledged. */
export class BullRelay implements MailRelay {
  readonly name: string;
  readonly heartbeatMs: number;
  private readonly link: RedisLink;
  private readonly intake: Intake;
  private readonly admin: BullAdmin;
  private readonly clock: Clock;
  /** The owner of this process's locks. */
  private readonly owner = randomUUID();
  private readonly held = new Map<string, Held>();
  private leases = 0;
  private recoveredAt = Number.NEGATIVE_INFINITY;
  /** A lease whose answer was lost may have locked jobs that nobody here knows of. */
  private strays = false;
  private onWork?: () => void;
  private mailer = '';
  private check?: RedisCheck;
  private closing?: Promise<void>;

  constructor(private readonly parts: BullRelayParts) {
    const { queue, options, ownsClient, clock = systemClock } = parts;
    this.name = `bull:${queue.name}`;
    this.heartbeatMs = Math.floor(options.leaseMs / 3);
    this.clock = clock;
    this.link = new RedisLink(queue, options.timeoutMs, clock, ownsClient, (client) => {
      this.check?.up(client);
      this.onWork?.();
    });
    // Storing twice is storing once: the id is taken, until well after the mail is sent.
    this.intake = new Intake(
      async (args) => (await this.run('relayStore', args, REPEATABLE)) as StoreAnswer[],
    );
    this.admin = new BullAdmin(queue, this.link, this.owner);
  }

  /** Does not wait: a Redis that is down comes later. */
  async open(): Promise<void> {
    if (this.closing) return;
    this.check ??= new RedisCheck(this.parts.queue, () => this.link.isUp);
    this.link.open();
  }

  async enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueOutcome[]> {
    if (this.closing) throw new MailRelayError(`The queue ${this.parts.queue.name} is closed`);
    const outcomes = await Promise.all(jobs.map((job) => this.intake.add(job)));
    if (outcomes.some(({ status }) => status === 'stored')) this.onWork?.();
    return outcomes;
  }

  async consume({ mailer = '', onWork }: ConsumeOptions): Promise<void> {
    this.mailer = mailer;
    this.onWork = onWork;
    if (this.parts.consumer) this.parts.consumer.onWork = onWork;
  }

  async lease({ max, maxSize }: LeaseRequest): Promise<Lease> {
    const { leaseMs, pollIntervalMs } = this.parts.options;
    await this.recover();
    let answer: LeaseAnswer;
    try {
      const args = [leaseMs, max, maxSize, this.mailer];
      answer = (await this.run('relayLease', args, { repeatable: false })) as LeaseAnswer;
    } catch (error) {
      this.strays = true;
      throw error;
    }
    const [rows, more, dueInMs] = answer;
    const jobs: LeasedJob[] = [];
    const unreadable: UnreadableJob[] = [];
    for (const row of rows) this.take(row, jobs, unreadable);
    // What is deferred by others, and what a lost call would have told, is looked for now and then.
    const againInMs = more ? 0 : dueInMs < 0 ? pollIntervalMs : Math.min(pollIntervalMs, dueInMs);
    return { jobs, unreadable, validMs: leaseMs, againInMs };
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    const known = settlements.filter(({ id }) => this.held.has(id));
    if (known.length === 0) return;
    await this.run(
      'relaySettle',
      known.map((one) => encodeSettlement(one, this.held.get(one.id)!, this.parts.options)),
      REPEATABLE,
    );
    for (const { id } of known) this.held.delete(id);
  }

  async heartbeat(ids: readonly string[]): Promise<readonly string[]> {
    const known = ids.filter((id) => this.held.has(id));
    if (known.length === 0) return [];
    const jobIds = this.heldOf(known).map(({ jobId }) => jobId);
    const args = [this.parts.options.leaseMs, ...jobIds];
    const ours = new Set((await this.run('relayRenew', args, REPEATABLE)) as string[]);
    return known.filter((_, n) => ours.has(jobIds[n]!));
  }

  async release(ids: readonly string[]): Promise<void> {
    const held = this.heldOf(ids).sort((a, b) => b.order - a.order);
    if (held.length === 0) return;
    await this.run(
      'relayRelease',
      held.map(({ jobId }) => jobId),
      REPEATABLE,
    );
    for (const id of ids) this.held.delete(id);
  }

  list(options: ListOptions = {}): Promise<readonly JobSummary[]> {
    return this.admin.list(options);
  }

  show(id: string): Promise<JobDetails | undefined> {
    return this.admin.show(id);
  }

  async retry(ids: readonly string[] | 'all'): Promise<number> {
    const count = await this.admin.change('relayRetry', ids);
    if (count > 0) this.onWork?.();
    return count;
  }

  discard(ids: readonly string[] | 'all'): Promise<number> {
    return this.admin.change('relayDiscard', ids);
  }

  stats(): Promise<RelayStats> {
    return this.admin.stats();
  }

  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  async destroy(): Promise<void> {
    this.link.abandon();
    this.closing ??= this.shut();
    await this.closing;
  }

  private async shut(): Promise<void> {
    this.onWork = undefined;
    if (this.parts.consumer) this.parts.consumer.onWork = undefined;
    await this.link.whenIdle();
    if (this.strays) await this.takeBackStrays().catch(() => undefined);
    const { queue, ownsQueue } = this.parts;
    forgetSubscriptions(queue);
    if (!ownsQueue) return;
    // A connection that Redis turns away would come back after Bull closed it.
    for (const client of this.clients()) client.options.retryStrategy = undefined;
    // Redis may hang; Bull would wait.
    if (await fulfilledWithin(this.clock, CLOSE_GRACE_MS, queue.close())) return;
    for (const client of this.clients()) client.disconnect();
  }

  /** Our own that are there; looking at one that is not would make it. */
  private clients(): RedisClient[] {
    const { queue, ownsClient } = this.parts;
    if (!ownsClient) return [];
    const events = queue.subscriberInitialized ? queue.eclient : undefined;
    return [...(this.check ? [queue.client] : []), ...(events ? [events] : [])];
  }

  private take(row: LeasedRow, jobs: LeasedJob[], unreadable: UnreadableJob[]): void {
    const [jobId, data, attempts, bornAt, open, unknowns] = row;
    const order = (this.leases += 1);
    try {
      const { leased, job } = readJob(jobId, { data, attempts, unknowns, bornAt, open });
      const { id } = leased.mail;
      this.held.set(id, { jobId, keyed: job.idempotencyKey !== undefined, order });
      jobs.push(leased);
    } catch (error) {
      this.held.set(jobId, { jobId, keyed: false, order });
      unreadable.push({ id: jobId, problem: problemOf(error) });
    }
  }

  /** Gives back what dead workers held, and what this one holds without knowing. */
  private async recover(): Promise<void> {
    if (this.strays) await this.takeBackStrays();
    const now = this.clock.monotonic();
    if (now - this.recoveredAt < RECOVER_EVERY_MS) return;
    this.recoveredAt = now;
    const { maxStalledCount } = this.parts.options;
    await this.run(
      'relayRecover',
      [maxStalledCount, JSON.stringify(tooManyDeaths(this.clock.now()))],
      REPEATABLE,
    );
  }

  private async takeBackStrays(): Promise<void> {
    const { queue } = this.parts;
    const ids = await this.link.call(
      (client) => client.lrange(queue.toKey('active'), 0, -1),
      REPEATABLE,
    );
    const locks = ids.map((id) => queue.toKey(`${id}:lock`));
    const owners =
      ids.length === 0 ? [] : await this.link.call((client) => client.mget(...locks), REPEATABLE);
    const known = new Set([...this.held.values()].map(({ jobId }) => jobId));
    const strays = ids.filter((id, i) => owners[i] === this.owner && !known.has(id));
    // What is leased last is put in front of the active list.
    if (strays.length > 0) await this.run('relayRelease', strays, REPEATABLE);
    this.strays = false;
  }

  private heldOf(ids: readonly string[]): Held[] {
    return ids.flatMap((id) => this.held.get(id) ?? []);
  }

  private run(
    name: Parameters<RedisLink['script']>[0],
    args: readonly (string | number)[],
    options: { readonly repeatable: boolean },
  ): Promise<unknown> {
    return this.link.script(name, this.owner, args, options);
  }
}

type LeasedRow = readonly [
  jobId: string,
  data: string,
  attempts: string,
  bornAt: string,
  open: string,
  unknowns: string,
];
type LeaseAnswer = readonly [rows: readonly LeasedRow[], more: number, dueInMs: number];
