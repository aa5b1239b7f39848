import { Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { systemClock, type Clock } from '../../base/clock.js';
import { MailRelayError } from '../../base/errors.js';
import type { Mail } from '../../message/mail.js';
import { bornAt, parseJob, narrowTo, problemOf, serializeJob } from '../job.js';
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
import { STEP_ROWS } from './admin.js';
import { GroupCommit } from './group-commit.js';
import { RecentMails } from './recent-mails.js';
import type { ResolvedSpoolOptions } from './spool.options.js';
import { spoolError } from './faults.js';
import { LocalHost, ThreadHost, type StoreHost } from './store-host.js';
import type { FirstMail, LeasedRow, NewRow, StepDone, StoreOptions } from './store.types.js';

/** The driver over a SQLite file: what it accepts survives the process and, by a synced disk, the power. */
export class SpoolRelay implements MailRelay {
  readonly name: string;
  readonly identity: string;
  readonly heartbeatMs: number;
  private readonly logger = new Logger('MailRelay');
  private readonly host: StoreHost;
  private readonly commits: GroupCommit;
  private readonly recent = new RecentMails();
  /** Of the worker, if this process has one. */
  private onWork?: () => void;
  private mailer = '';
  private closing?: Promise<void>;

  constructor(
    private readonly options: ResolvedSpoolOptions,
    private readonly clock: Clock = systemClock,
  ) {
    const { path, thread, leaseMs, timeoutMs } = options;
    this.name = `spool:${path}`;
    this.identity = `spool:${resolve(path)}`;
    this.heartbeatMs = Math.floor(leaseMs / 3);
    const { sqlite, maxBytes, minFreeBytes, keepSentMs, idempotencyTtlMs } = options;
    const store: StoreOptions = {
      path: resolve(path),
      owner: randomUUID(),
      sqlite,
      maxBytes,
      minFreeBytes,
      leaseMs,
      keepSentMs,
      idempotencyTtlMs,
    };
    const tell = (notice: string) => this.logger.warn(notice);
    this.host = thread ? new ThreadHost(store, tell) : new LocalHost(store, tell);
    const enqueue = (rows: readonly NewRow[]) => this.host.run('enqueue', rows);
    this.commits = new GroupCommit(enqueue, timeoutMs, clock);
  }

  async open(): Promise<void> {
    await this.host.run('open');
  }

  async enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueOutcome[]> {
    if (this.closing) throw new MailRelayError('The spool is closed');
    const rows = jobs.map(rowOf);
    const answers = await this.commits.add(rows);
    if (this.onWork && answers.some((first) => first === null)) {
      jobs.forEach(({ mail }, n) => {
        if (answers[n] === null) this.recent.add(mail, rows[n]!.body.length);
      });
      this.onWork();
    }
    return answers.map(outcomeOf);
  }

  async consume({ mailer = '', onWork }: ConsumeOptions): Promise<void> {
    this.mailer = mailer;
    this.onWork = onWork;
  }

  async lease(request: LeaseRequest): Promise<Lease> {
    const answer = await this.host.run('lease', request, this.mailer, this.recent.ids());
    const { rows, more, nextDueInMs, damage } = answer;
    // Whatever is left went to others.
    if (rows.length === 0) this.recent.clear();
    const jobs: LeasedJob[] = [];
    const unreadable: UnreadableJob[] = [];
    for (const row of rows) {
      const known = this.recent.take(row.id);
      try {
        jobs.push(jobOf(row, known));
      } catch (error) {
        unreadable.push({ id: row.id, problem: problemOf(error) });
      }
    }
    // Other processes of the file cannot call: it is looked at now and then.
    const againInMs = more ? 0 : Math.min(this.options.pollIntervalMs, nextDueInMs);
    const lease = { jobs, unreadable, validMs: this.options.leaseMs, againInMs };
    if (!damage) return lease;
    const error = spoolError({ ...damage, isUncertain: false }, this.options.path);
    return { ...lease, damage: error };
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    const sent = settlements.filter(({ outcome }) => outcome === 'sent').map(({ id }) => id);
    const others = settlements.filter((one) => one.outcome !== 'sent');
    const lost = await this.host.run('settle', sent, others);
    if (lost.length === 0) return;
    const words = `The spool file is damaged where ${lost.length} of ${settlements.length} outcomes belong (${this.options.path})`;
    throw new UnrecordedError(words, lost);
  }

  heartbeat(ids: readonly string[]): Promise<readonly string[]> {
    return this.host.run('heartbeat', ids);
  }

  async release(ids: readonly string[]): Promise<void> {
    await this.host.run('release', ids);
  }

  list(options: ListOptions = {}): Promise<readonly JobSummary[]> {
    return this.host.run('list', options);
  }

  async show(id: string): Promise<JobDetails | undefined> {
    const row = await this.host.run('show', id);
    if (!row) return undefined;
    const { body, open, ...summary } = row;
    try {
      const { mail } = jobOf({ id, attempts: 0, unknowns: 0, bornAt: 0, size: 0, body, open });
      return { ...summary, mail };
    } catch {
      return summary;
    }
  }

  async retry(ids: readonly string[] | 'all'): Promise<number> {
    const count = await this.inSteps('retry', ids);
    if (count > 0) this.onWork?.();
    return count;
  }

  discard(ids: readonly string[] | 'all'): Promise<number> {
    return this.inSteps('discard', ids);
  }

  /** Others get the file in between, for as long as a step took. */
  private async inSteps(
    call: 'retry' | 'discard',
    ids: readonly string[] | 'all',
  ): Promise<number> {
    let count = 0;
    for (let from: number | undefined = 0; from !== undefined;) {
      const begun = this.clock.monotonic();
      const some = ids === 'all' ? ids : ids.slice(from, from + STEP_ROWS);
      const done: StepDone = await this.host.run(call, some, from);
      count += done.count;
      if (ids === 'all') from = done.next;
      else from = from + STEP_ROWS < ids.length ? from + STEP_ROWS : undefined;
      const pauseMs = this.clock.monotonic() - begun;
      if (from !== undefined) {
        await new Promise<void>((resolve) => {
          this.clock.after(pauseMs, resolve, { keepAlive: true });
        });
      }
    }
    return count;
  }

  stats(): Promise<RelayStats> {
    return this.host.run('stats');
  }

  close(): Promise<void> {
    this.closing ??= this.commits.whenIdle().then(() => this.host.close());
    return this.closing;
  }

  destroy(): Promise<void> {
    const destroyed = this.host.destroy();
    this.closing ??= destroyed;
    return destroyed;
  }
}

function outcomeOf(first: FirstMail | null): EnqueueOutcome {
  if (first === null) return { status: 'stored' };
  const { id, messageId, digest } = first;
  return { status: 'duplicate', id, messageId, ...(digest !== null && { digest }) };
}

function rowOf(job: NewJob): NewRow {
  const { mail, mailer = '', queuedAt, notBefore, priority, idempotencyKey, digest } = job;
  return {
    id: mail.id,
    messageId: mail.messageId,
    mailer,
    priority,
    queuedAt,
    bornAt: bornAt(job),
    dueAt: notBefore ?? null,
    key: idempotencyKey ?? null,
    digest: digest ?? null,
    body: JSON.stringify(serializeJob(job)),
  };
}

/** @throws Error that says what is wrong with the row. */
function jobOf(row: LeasedRow, known?: Mail): LeasedJob {
  const mail = known ?? mailOf(row);
  const open = row.open === null ? undefined : readOpen(row.open);
  const { attempts, unknowns, bornAt, size } = row;
  if (![attempts, unknowns, bornAt, size].every(Number.isFinite)) {
    throw new TypeError('What is stored beside the mail is damaged');
  }
  return { mail: narrowTo(mail, open), attempts, unknowns, bornAt, size };
}

function mailOf({ id, body }: LeasedRow): Mail {
  if (body === null) {
    throw new TypeError('The stored mail is missing or damaged: its checksum does not match');
  }
  const { mail } = parseJob(body);
  if (mail.id !== id) throw new TypeError('The stored mail is another one');
  return mail;
}

function readOpen(json: string): readonly string[] {
  const open: unknown = JSON.parse(json);
  if (Array.isArray(open) && open.every((one): one is string => typeof one === 'string')) {
    return open;
  }
  throw new TypeError('The recipients still open are no list of addresses');
}
