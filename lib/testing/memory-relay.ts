import { systemClock, type Clock } from '../base/clock.js';
import { MailRelayError } from '../base/errors.js';
import type { Mail } from '../message/mail.js';
import { bornAt, countFitting, narrowTo, parseJob, problemOf, serializeJob } from '../relay/job.js';
import {
  RELAY_PRIORITIES,
  type ConsumeOptions,
  type DeadReason,
  type EnqueueOutcome,
  type JobDetails,
  type JobFailure,
  type JobState,
  type JobSummary,
  type Lease,
  type LeasedJob,
  type LeaseRequest,
  type ListOptions,
  type MailRelay,
  type NewJob,
  type RelayPriority,
  type RelayStats,
  type Settlement,
  type UnreadableJob,
} from '../relay/relay.js';

/** A stored job. Its body is text, as it is in every other storage. */
interface Row {
  readonly id: string;
  readonly messageId: string;
  readonly mailer: string;
  readonly priority: RelayPriority;
  readonly queuedAt: number;
  body: string;
  bornAt: number;
  dueAt: number;
  attempts: number;
  unknowns: number;
  open?: readonly string[];
  failure?: JobFailure;
  reason?: DeadReason;
  /** Who leased it. */
  owner?: MemoryRelay;
}

/** The mail that an idempotency key belongs to. */
interface FirstMail {
  readonly id: string;
  readonly messageId: string;
  readonly digest?: string;
}

/** What relays of one storage share. */
export class MemoryJobs {
  /** In the order in which they came. */
  readonly rows = new Map<string, Row>();
  readonly keys = new Map<string, FirstMail>();
  /** Called when there may be work. */
  readonly onWork = new Set<() => void>();
  /** Called once, when anything has changed. */
  readonly onChange: (() => void)[] = [];
  /** Jobs were released, and none was asked for since. */
  givenBack = false;

  constructor(readonly clock: Clock = systemClock) {}

  stateOf({ reason, owner, dueAt, attempts }: Row): Exclude<JobState, 'sent'> {
    if (reason !== undefined) return 'dead';
    if (owner) return 'leased';
    if (dueAt <= this.clock.now()) return 'queued';
    return attempts > 0 ? 'deferred' : 'scheduled';
  }

  /** Mails in one of these states, in the order in which they came. */
  mailsIn(...states: readonly JobState[]): Mail[] {
    const rows = [...this.rows.values()].filter((row) => states.includes(this.stateOf(row)));
    return rows.map((row) => leasedJob(row).mail);
  }

  /** A worker has something to do now. One whose transport is down gave its jobs back, and waits. */
  get isBusy(): boolean {
    return [...this.rows.values()].some((row) => {
      const state = this.stateOf(row);
      return state === 'leased' || (state === 'queued' && this.onWork.size > 0 && !this.givenBack);
    });
  }

  changed(mayBeWork: boolean): void {
    for (const call of this.onChange.splice(0)) call();
    if (mayBeWork) for (const call of this.onWork) call();
  }
}

const DEFAULT_LIMIT = 100;

/** The driver that stands in for a durable one in tests: same contract, nothing survives the process. */
export class MemoryRelay implements MailRelay {
  readonly name = 'memory';
  private onWork?: () => void;
  private mailer = '';
  private closed = false;

  constructor(private readonly jobs = new MemoryJobs()) {}

  async open(): Promise<void> {
    // There is nothing to open.
  }

  async enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueOutcome[]> {
    if (this.closed) throw new MailRelayError('The relay is closed');
    const outcomes = jobs.map((job) => this.store(job));
    this.jobs.changed(true);
    return outcomes;
  }

  private store(job: NewJob): EnqueueOutcome {
    const { rows, keys } = this.jobs;
    const { mail, mailer = '', queuedAt, notBefore = 0, priority, idempotencyKey, digest } = job;
    const { id, messageId } = mail;
    if (idempotencyKey !== undefined) {
      const first = keys.get(idempotencyKey);
      if (first) return { status: 'duplicate', ...first };
      keys.set(idempotencyKey, { id, messageId, ...(digest !== undefined && { digest }) });
    }
    rows.set(id, {
      id,
      messageId,
      mailer,
      priority,
      queuedAt,
      body: JSON.stringify(serializeJob(job)),
      bornAt: bornAt(job),
      dueAt: notBefore,
      attempts: 0,
      unknowns: 0,
    });
    return { status: 'stored' };
  }

  async consume({ mailer = '', onWork }: ConsumeOptions): Promise<void> {
    this.mailer = mailer;
    this.onWork = onWork;
    this.jobs.onWork.add(onWork);
  }

  async lease({ max, maxSize }: LeaseRequest): Promise<Lease> {
    this.jobs.givenBack = false;
    const jobs: LeasedJob[] = [];
    const unreadable: UnreadableJob[] = [];
    const due = this.rowsIn('queued').filter(({ mailer }) => mailer === this.mailer);
    const inOrder = RELAY_PRIORITIES.flatMap((one) =>
      due.filter(({ priority }) => priority === one),
    );
    const wanted = inOrder.slice(0, max);
    const sizes = wanted.map(({ body }) => body.length);
    for (const row of wanted.slice(0, countFitting(sizes, maxSize))) {
      row.owner = this;
      try {
        jobs.push(leasedJob(row));
      } catch (error) {
        unreadable.push({ id: row.id, problem: problemOf(error) });
      }
    }
    this.jobs.changed(false);
    const left = due.length > jobs.length + unreadable.length;
    const later = [...this.rowsIn('scheduled'), ...this.rowsIn('deferred')];
    const next = Math.min(...later.map(({ dueAt }) => dueAt)) - this.jobs.clock.now();
    const againInMs = left ? 0 : next;
    return { jobs, unreadable, ...(Number.isFinite(againInMs) && { againInMs }) };
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    for (const settlement of settlements) {
      if (settlement.outcome === 'sent') {
        const { id } = settlement;
        if (this.jobs.rows.get(id)?.reason === undefined) this.jobs.rows.delete(id);
        continue;
      }
      const row = this.mine(settlement.id);
      if (!row) continue;
      row.owner = undefined;
      row.attempts = settlement.attempts;
      row.unknowns = settlement.unknowns;
      row.failure = settlement.failure;
      row.open = settlement.open ?? row.open;
      if (settlement.outcome === 'dead') row.reason = settlement.reason;
      else row.dueAt = this.jobs.clock.now() + settlement.delayMs;
    }
    this.jobs.changed(true);
  }

  /** A lease of this driver does not run out. */
  async heartbeat(ids: readonly string[]): Promise<readonly string[]> {
    return ids.filter((id) => this.mine(id));
  }

  async release(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const row = this.mine(id);
      if (row) row.owner = undefined;
    }
    this.jobs.givenBack = true;
    this.jobs.changed(true);
  }

  async list(options: ListOptions = {}): Promise<readonly JobSummary[]> {
    const { state = 'dead', limit = DEFAULT_LIMIT, after } = options;
    const rows = this.rowsIn(state);
    const from = after === undefined ? 0 : rows.findIndex(({ id }) => id === after) + 1;
    return rows.slice(from, from + limit).map((row) => this.summary(row));
  }

  async show(id: string): Promise<JobDetails | undefined> {
    const row = this.jobs.rows.get(id);
    if (!row) return undefined;
    try {
      return { ...this.summary(row), mail: leasedJob(row).mail };
    } catch {
      return this.summary(row);
    }
  }

  async retry(ids: readonly string[] | 'all'): Promise<number> {
    const dead = this.dead(ids);
    const now = this.jobs.clock.now();
    for (const row of dead) {
      Object.assign(row, { reason: undefined, attempts: 0, unknowns: 0, dueAt: now, bornAt: now });
    }
    if (dead.length > 0) this.jobs.changed(true);
    return dead.length;
  }

  async discard(ids: readonly string[] | 'all'): Promise<number> {
    const dead = this.dead(ids);
    const { rows, keys } = this.jobs;
    const gone = new Set(dead.map(({ id }) => id));
    for (const id of gone) rows.delete(id);
    for (const [key, { id }] of keys) if (gone.has(id)) keys.delete(key);
    return dead.length;
  }

  async stats(): Promise<RelayStats> {
    const stats = { queued: 0, scheduled: 0, deferred: 0, leased: 0, dead: 0, sent: 0 };
    for (const row of this.jobs.rows.values()) stats[this.jobs.stateOf(row)] += 1;
    return stats;
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.onWork) this.jobs.onWork.delete(this.onWork);
    this.jobs.changed(false);
  }

  destroy(): Promise<void> {
    return this.close();
  }

  private rowsIn(state: JobState): Row[] {
    return [...this.jobs.rows.values()].filter((row) => this.jobs.stateOf(row) === state);
  }

  private mine(id: string): Row | undefined {
    const row = this.jobs.rows.get(id);
    return row?.owner === this ? row : undefined;
  }

  private dead(ids: readonly string[] | 'all'): Row[] {
    const dead = this.rowsIn('dead');
    return ids === 'all' ? dead : dead.filter(({ id }) => ids.includes(id));
  }

  private summary(row: Row): JobSummary {
    const { id, messageId, mailer, priority, attempts, unknowns, queuedAt, dueAt } = row;
    const { reason, failure } = row;
    const state = this.jobs.stateOf(row);
    const waits = state === 'scheduled' || state === 'deferred';
    return {
      id,
      messageId,
      ...(mailer !== '' && { mailer }),
      state,
      priority,
      attempts,
      unknowns,
      queuedAt,
      ...(waits && { dueAt }),
      ...(reason !== undefined && { reason }),
      ...(failure && { failure }),
    };
  }
}

/** @throws Error that says what is wrong with the row. */
function leasedJob({ id, body, open, attempts, unknowns, bornAt: born }: Row): LeasedJob {
  const { mail } = parseJob(body);
  if (mail.id !== id) throw new TypeError('The stored mail is another one');
  return { mail: narrowTo(mail, open), attempts, unknowns, bornAt: born };
}
