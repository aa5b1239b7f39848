import { AsyncResource } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { fulfilledWithin, systemClock, type Clock } from '../../base/clock.js';
import { MailRelayError } from '../../base/errors.js';
import { problemOf } from '../job.js';
import { RedisLink } from '../redis/redis-link.js';
import type { RedisClient } from '../redis/redis-client.js';
import { RedisReport } from '../redis/redis-report.js';
import { WorkChannel } from '../redis/work-channel.js';
import {
  UnrecordedError,
  type ConsumeOptions,
  type EnqueueOutcome,
  type JobDetails,
  type JobSummary,
  type Lease,
  type LeasedJob,
  type LeaseRequest,
  type ListOptions,
  type MailRelay,
  type NewJob,
  type RelayStats,
  type Settlement,
  type UnreadableJob,
} from '../relay.js';
import { Admission } from './admission.js';
import { BullAdmin } from './bull-admin.js';
import type { BullQueue } from './bull-queue.js';
import type { ResolvedBullOptions } from './bull.options.js';
import { encodeSettlement, type HeldJob } from './encode-settlement.js';
import { Intake, type StoreAnswer } from './intake.js';
import { readJob } from './job-hash.js';
import { Recovery } from './recovery.js';
import { SCRIPTS, type ScriptName } from './scripts.js';

/** How long Bull may take to close politely, in milliseconds. */
const CLOSE_GRACE_MS = 2_000;
/** How long the start of the app waits for Redis to say whether it is one to keep mail in, in milliseconds. */
const FIRST_WORD_MS = 1_000;
const REPEATABLE = { repeatable: true } as const;

export interface BullRelayParts {
  readonly queue: BullQueue;
  readonly options: ResolvedBullOptions;
  /** Whether the queue is this driver's to close. */
  readonly ownsQueue: boolean;
  /** Whether its connections are nobody else's. */
  readonly ownsClient: boolean;
  /** Whether it stores only. */
  readonly isProducer: boolean;
  /** The queue in which release 0.1.0 kept the mail of this one. */
  readonly formerQueue: string;
  readonly clock?: Clock;
}

/** The driver over a queue of Bull: what it accepts, Redis has acknowledged. */
export class BullRelay implements MailRelay {
  readonly name: string;
  readonly heartbeatMs: number;
  /** Not to be seen by whoever prints a relay: connections and options know passwords. */
  readonly #parts: BullRelayParts;
  readonly #link: RedisLink<ScriptName>;
  readonly #intake: Intake;
  readonly #admin: BullAdmin;
  readonly #clock: Clock;
  readonly #report: RedisReport;
  readonly #channel: WorkChannel;
  readonly #admission: Admission;
  readonly #recovery: Recovery;
  /** What all keys of mail begin with. */
  readonly #base: string;
  /** This process among those that lease. */
  readonly #owner = randomUUID();
  readonly #held = new Map<string, HeldJob>();
  #mailer = '';
  /** A lease whose answer was lost may have taken jobs that nobody here knows of. */
  #strays = false;
  #onWork?: () => void;
  #closing?: Promise<void>;

  constructor(parts: BullRelayParts) {
    const { queue, options, ownsClient, isProducer, clock = systemClock } = parts;
    const where = `Redis of queue ${queue.name}`;
    this.#parts = parts;
    this.name = `bull:${queue.name}`;
    this.heartbeatMs = Math.floor(options.leaseMs / 3);
    this.#clock = clock;
    this.#base = queue.toKey('mails:');
    this.#channel = new WorkChannel(queue, `${this.#base}work`, where);
    this.#link = new RedisLink({
      where,
      client: () => queue.client,
      scripts: SCRIPTS,
      timeoutMs: options.timeoutMs,
      clock,
      own: ownsClient,
      probe: (client) => client.exists(`${this.#base}id`),
      admit: (client) => this.#admission.admit(client),
      onUp: (client) => {
        this.#report.up(client);
        this.#onWork?.();
      },
    });
    this.#report = new RedisReport(where, () => this.#link.isUp);
    this.#admission = new Admission({
      where,
      queue,
      base: this.#base,
      formerQueue: parts.formerQueue,
      isProducer,
      sharesQueue: !parts.ownsQueue,
    });
    this.#recovery = new Recovery({
      run: (name, args) => this.#run(name, args, REPEATABLE),
      beats: () => this.#read((client) => client.hgetall(`${this.#base}owners`)),
      formerBase: this.#admission.formerBase,
      foreign: () => this.#admission.lookForForeign(this.#link),
      self: this.#owner,
      options,
      clock,
      where,
    });
    // Storing twice is storing once: the id is taken, until well after the mail is sent.
    this.#intake = new Intake(async (args) => {
      const all = [this.#admission.rememberingBase, ...args];
      return (await this.#run('relayStore', all, REPEATABLE)) as StoreAnswer[];
    }, where);
    this.#admin = new BullAdmin({
      run: (name, args, how) => this.#run(name, args, how),
      names: (of) => this.#namesOf(of),
    });
  }

  /**
   * Does not wait for a Redis that is down: it comes later.
   * @throws MailConfigurationError where Redis says at once that it is not one to keep mail in.
   */
  async open(): Promise<void> {
    if (this.#closing) return;
    const { queue, options } = this.#parts;
    queue.on('error', (error) => this.#report.failed(error));
    try {
      await this.#link.firstWord(Math.min(FIRST_WORD_MS, options.timeoutMs));
    } catch (error) {
      // An app that does not start is not closed: its connections would keep the process alive.
      await this.close();
      throw error;
    }
  }

  async enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueOutcome[]> {
    if (this.#closing) throw new MailRelayError(`The queue ${this.#parts.queue.name} is closed`);
    const outcomes = await Promise.all(jobs.map((job) => this.#intake.add(job)));
    if (outcomes.some(({ status }) => status === 'stored')) this.#onWork?.();
    return outcomes;
  }

  async consume({ mailer = '', onWork }: ConsumeOptions): Promise<void> {
    if (this.#closing) return;
    this.#mailer = mailer;
    // A `send` that wakes the worker does not lend it its context.
    this.#onWork = AsyncResource.bind(onWork);
    this.#channel.listen(() => this.#onWork?.());
  }

  async lease({ max, maxSize }: LeaseRequest): Promise<Lease> {
    const { queue, options } = this.#parts;
    if (this.#strays) await this.#takeBackStrays();
    const foreign = await this.#recovery.recover();
    let answer: LeaseAnswer;
    try {
      const args = [max, maxSize, queue.toKey('meta-paused')];
      answer = (await this.#run('relayLease', args, { repeatable: false })) as LeaseAnswer;
    } catch (error) {
      this.#strays = true;
      throw error;
    }
    const [rows, more, dueInMs] = answer;
    const jobs: LeasedJob[] = [];
    const unreadable: UnreadableJob[] = [];
    for (const row of rows) this.#take(row, jobs, unreadable);
    const { leaseMs: validMs, pollIntervalMs } = options;
    // What is deferred by others, and what a lost call would have told, is looked for now and then.
    const againInMs = more ? 0 : dueInMs < 0 ? pollIntervalMs : Math.min(pollIntervalMs, dueInMs);
    return { jobs, unreadable, ...(foreign.length > 0 && { foreign }), validMs, againInMs };
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    const known = settlements.filter(({ id }) => this.#held.has(id));
    if (known.length === 0) return;
    const encoded = known.map((one) =>
      encodeSettlement(one, this.#held.get(one.id)!, this.#parts.options),
    );
    const failed = (await this.#run('relaySettle', encoded, REPEATABLE)) as [number, string][];
    const unrecorded = new Set(failed.map(([position]) => known[position]!.id));
    for (const { id } of known) if (!unrecorded.has(id)) this.#held.delete(id);
    const [first] = failed;
    if (!first) return;
    const message = `Redis of queue ${this.#parts.queue.name} did not record ${failed.length} of ${known.length} outcomes: ${first[1].slice(0, 300)}`;
    throw new UnrecordedError(message, [...unrecorded]);
  }

  async heartbeat(ids: readonly string[]): Promise<readonly string[]> {
    const known = ids.filter((id) => this.#held.has(id));
    if (known.length === 0) return [];
    const jobIds = known.map((id) => this.#held.get(id)!.jobId);
    const ours = new Set((await this.#run('relayRenew', jobIds, REPEATABLE)) as string[]);
    return known.filter((_, n) => ours.has(jobIds[n]!));
  }

  async release(ids: readonly string[]): Promise<void> {
    const jobIds = ids.flatMap((id) => this.#held.get(id)?.jobId ?? []);
    if (jobIds.length === 0) return;
    await this.#run('relayRelease', jobIds, REPEATABLE);
    for (const id of ids) this.#held.delete(id);
  }

  list(options: ListOptions = {}): Promise<readonly JobSummary[]> {
    return this.#admin.list(options);
  }

  show(id: string): Promise<JobDetails | undefined> {
    return this.#admin.show(id);
  }

  async retry(ids: readonly string[] | 'all'): Promise<number> {
    const count = await this.#admin.change('relayRetry', ids);
    if (count > 0) this.#onWork?.();
    return count;
  }

  discard(ids: readonly string[] | 'all'): Promise<number> {
    return this.#admin.change('relayDiscard', ids);
  }

  stats(): Promise<RelayStats> {
    return this.#admin.stats();
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut();
    return this.#closing;
  }

  async destroy(): Promise<void> {
    this.#link.abandon();
    this.#closing ??= this.#shut();
    await this.#closing;
  }

  async #shut(): Promise<void> {
    this.#onWork = undefined;
    await this.#link.whenIdle();
    if (this.#strays) await this.#takeBackStrays().catch(() => undefined);
    const { queue, ownsQueue } = this.#parts;
    if (!ownsQueue) return;
    // A connection that Redis turns away would come back after Bull closed it.
    for (const client of this.#clients()) client.options.retryStrategy = undefined;
    // Redis may hang; Bull would wait.
    if (await fulfilledWithin(this.#clock, CLOSE_GRACE_MS, queue.close())) return;
    for (const client of this.#clients()) client.disconnect();
  }

  /** Our own that are there; looking at one that is not would make it. */
  #clients(): RedisClient[] {
    const { queue, ownsClient } = this.#parts;
    if (!ownsClient) return [];
    const { connection } = this.#channel;
    return [...(this.#link.isOpen ? [queue.client] : []), ...(connection ? [connection] : [])];
  }

  #take(row: LeasedRow, jobs: LeasedJob[], unreadable: UnreadableJob[]): void {
    const [jobId, data, attempts, bornAt, open, unknowns] = row;
    try {
      const { leased, job } = readJob(jobId, { data, attempts, unknowns, bornAt, open });
      this.#held.set(leased.mail.id, { jobId, keyed: job.idempotencyKey !== undefined });
      jobs.push(leased);
    } catch (error) {
      this.#held.set(jobId, { jobId, keyed: false });
      unreadable.push({ id: jobId, problem: problemOf(error) });
    }
  }

  async #takeBackStrays(): Promise<void> {
    const key = `${this.#base}active:${this.#owner}`;
    const ids = await this.#read((client) => client.zrange(key, 0, -1));
    const known = new Set([...this.#held.values()].map(({ jobId }) => jobId));
    const strays = ids.filter((id) => !known.has(id));
    if (strays.length > 0) await this.#run('relayRelease', strays, REPEATABLE);
    this.#strays = false;
  }

  async #namesOf(of: 'mailers' | 'owners'): Promise<readonly string[]> {
    const key = `${this.#base}${of}`;
    if (of === 'owners') return this.#read((client) => client.hkeys(key));
    return ['', ...(await this.#read((client) => client.smembers(key)))];
  }

  #read<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.#link.call(work, REPEATABLE);
  }

  #run(
    name: ScriptName,
    args: readonly (string | number)[],
    options: { readonly repeatable: boolean },
  ): Promise<unknown> {
    const all = [`${this.#base}id`, this.#base, this.#owner, this.#mailer, ...args];
    return this.#link.script(name, all, options);
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
