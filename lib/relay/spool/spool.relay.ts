import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { systemClock, type Clock } from '../../base/clock.js';
import { MailRelayError } from '../../base/errors.js';
import type { Mail } from '../../message/mail.js';
import { bornAt, burial, parseJob, narrowTo, problemOf, serializeJob } from '../job.js';
import type {
  ConsumeOptions,
  CorruptJob,
  EnqueueOutcome,
  JobDetails,
  JobSummary,
  Lease,
  LeasedJob,
  ListOptions,
  MailRelay,
  NewJob,
  RelayStats,
  Settlement,
} from '../relay.js';
import { GroupCommit } from './group-commit.js';
import { RecentMails } from './recent-mails.js';
import type { ResolvedSpoolOptions } from './spool.options.js';
import { LocalHost, spoolError, ThreadHost, type StoreHost } from './store-host.js';
import type { LeasedRow, NewRow, StoreOptions } from './store.types.js';

/** The driver over a SQLite file: what it accepts survives the process and, by a synced disk, the power. */
export class SpoolRelay implements MailRelay {
  readonly name: string;
  readonly heartbeatMs: number;
  private readonly host: StoreHost;
  private readonly commits: GroupCommit;
  private readonly recent = new RecentMails();
  /** Leased, and neither settled nor given back. */
  private readonly held = new Set<string>();
  /** Of the worker, if this process has one. */
  private onWork?: () => void;
  private closing?: Promise<void>;

  constructor(
    private readonly options: ResolvedSpoolOptions,
    private readonly clock: Clock = systemClock,
  ) {
    const { path, thread, leaseMs, timeoutMs } = options;
    this.name = `spool:${path}`;
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
    this.host = thread ? new ThreadHost(store) : new LocalHost(store);
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
    return answers.map((first) =>
      first === null ? { status: 'stored' } : { status: 'duplicate', ...first },
    );
  }

  async consume({ onWork }: ConsumeOptions): Promise<void> {
    this.onWork = onWork;
  }

  async lease(max: number): Promise<Lease> {
    const {
      rows,
      more,
      nextDueInMs,
      damage: message,
    } = await this.host.run('lease', max, this.recent.ids());
    // Whatever is left went to others.
    if (rows.length === 0) this.recent.clear();
    const jobs: LeasedJob[] = [];
    const corrupt: CorruptJob[] = [];
    for (const row of rows) {
      const known = this.recent.take(row.id);
      // Its lease had run out while it is still being sent here: it is ours again, and under way.
      if (this.held.has(row.id)) continue;
      try {
        jobs.push(jobOf(row, known));
        this.held.add(row.id);
      } catch (error) {
        corrupt.push({ id: row.id, problem: problemOf(error) });
      }
    }
    const buried = await this.bury(corrupt);
    // Other processes of the file cannot call: it is looked at now and then.
    const againInMs = more ? 0 : Math.min(this.options.pollIntervalMs, nextDueInMs ?? Infinity);
    if (message === undefined) return { jobs, corrupt: buried, againInMs };
    const damage = spoolError('corrupt', message, this.options.path);
    return { jobs, corrupt: buried, againInMs, damage };
  }

  /** Answers those set aside: if that fails, the others go out, and these are met again when their lease ends. */
  private async bury(corrupt: readonly CorruptJob[]): Promise<readonly CorruptJob[]> {
    if (corrupt.length === 0) return corrupt;
    const burials = corrupt.map((job) => burial(job, this.clock.now()));
    return this.settle(burials).then(
      () => corrupt,
      () => [],
    );
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    const sent = settlements.filter(({ outcome }) => outcome === 'sent').map(({ id }) => id);
    const others = settlements.filter((one) => one.outcome !== 'sent');
    await this.host.run('settle', sent, others);
    for (const { id } of settlements) this.held.delete(id);
  }

  heartbeat(ids: readonly string[]): Promise<void> {
    return this.host.run('heartbeat', ids);
  }

  async release(ids: readonly string[]): Promise<void> {
    await this.host.run('release', ids);
    for (const id of ids) this.held.delete(id);
  }

  list(options: ListOptions = {}): Promise<readonly JobSummary[]> {
    return this.host.run('list', options);
  }

  async show(id: string): Promise<JobDetails | undefined> {
    const row = await this.host.run('show', id);
    if (!row) return undefined;
    const { body, open, ...summary } = row;
    try {
      const { mail } = jobOf({ id, attempts: 0, bornAt: 0, size: 0, body, open });
      return { ...summary, mail };
    } catch {
      return summary;
    }
  }

  async retry(ids: readonly string[] | 'all'): Promise<number> {
    const count = await this.host.run('retry', ids);
    if (count > 0) this.onWork?.();
    return count;
  }

  discard(ids: readonly string[] | 'all'): Promise<number> {
    return this.host.run('discard', ids);
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

function rowOf(job: NewJob): NewRow {
  const { mail, queuedAt, notBefore, priority, idempotencyKey } = job;
  return {
    id: mail.id,
    messageId: mail.messageId,
    priority,
    queuedAt,
    bornAt: bornAt(job),
    dueAt: notBefore ?? null,
    key: idempotencyKey ?? null,
    body: JSON.stringify(serializeJob(job)),
  };
}

/** @throws Error that says what is wrong with the row. */
function jobOf(row: LeasedRow, known?: Mail): LeasedJob {
  const mail = known ?? mailOf(row);
  const open = row.open === null ? undefined : readOpen(row.open);
  const { attempts, bornAt, size } = row;
  if (![attempts, bornAt, size].every(Number.isFinite)) {
    throw new TypeError('What is stored beside the mail is damaged');
  }
  return { mail: narrowTo(mail, open), attempts, bornAt, size };
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
