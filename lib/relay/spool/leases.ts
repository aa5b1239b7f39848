import { performance } from 'node:perf_hooks';
import { countFitting } from '../job.js';
import type { LeaseRequest } from '../relay.js';
import { checksumOf } from './intake.js';
import { LeaseEnds } from './lease-ends.js';
import type { Owners } from './owners.js';
import { Recovery } from './recovery.js';
import { Salvage } from './salvage.js';
import { LEASED, READY, WAITING } from './schema.js';
import { SettledJournal } from './settled-journal.js';
import type { SpoolFile } from './spool-file.js';
import type { SqlRow, SqlStatement, SqlValue } from './sqlite.js';
import type { LeasedRow, LeasedRows, StoreOptions } from './store.types.js';
import { Upkeep, UPKEEP_ROWS } from './upkeep.js';

/** What is read of a row before its body. */
const COLUMNS = 'seq, id, attempts, unknowns, born_at, open, size, checksum';

/** The one value given is a JSON array: a statement for many costs little more than for one. */
const SEQ_LIST = 'seq IN (SELECT value FROM json_each(?))';

/** What is asked for of whom. */
export interface LeaseQuery extends LeaseRequest {
  readonly mailer: string;
  /** Ids whose bodies the caller has. */
  readonly known: ReadonlySet<string>;
}

/** What is ready of a mailer, and of nobody in particular (0.1.0): each out of the index, then in order. */
function readyOf(columns: string): string {
  const of = (whose: string) =>
    `SELECT * FROM (SELECT ${columns}, priority FROM jobs
     WHERE state = ${READY} AND mailer ${whose} ORDER BY priority, seq LIMIT ?)`;
  return `${of('= ?')} UNION ALL ${of('IS NULL')} ORDER BY priority, seq LIMIT ?`;
}

const BODIES = `SELECT seq, body FROM bodies WHERE ${SEQ_LIST}`;

/** libsql keeps a connection until it is collected, and many make each lock slow; in milliseconds. */
const READ_ANEW_EVERY_MS = 1_000;

type Taken = Pick<LeasedRows, 'rows' | 'more'>;

/** Hands out what is due. */
export class Leases {
  readonly ends: LeaseEnds;
  private readAnewAt = Number.NEGATIVE_INFINITY;
  private readonly recovery: Recovery;
  private readonly upkeep: Upkeep;
  private readonly salvage: Salvage;

  constructor(
    private readonly file: SpoolFile,
    private readonly owners: Owners,
    private readonly options: StoreOptions,
    tell: (notice: string) => void,
  ) {
    this.salvage = new Salvage(file);
    this.recovery = new Recovery(file, owners, options.leaseMs);
    this.upkeep = new Upkeep(file, owners, this.salvage);
    const { salvage } = this;
    const journal = new SettledJournal(`${options.path}-settled`);
    this.ends = new LeaseEnds({ file, owners, salvage, journal, options, tell });
  }

  /** Due jobs of a mailer: higher priority first, then first come, first served. */
  lease(query: LeaseQuery, now: number): LeasedRows {
    this.own();
    this.salvage.skipDamage(() => this.recovery.recover(now));
    const stepInMs = this.upkeep.step(now);
    this.ends.applyJournal();
    // Looked at before the write lock is taken: an idle spool costs its neighbours nothing.
    const { rows, more } = this.hasDue(query, now)
      ? (this.salvage.skipDamage(() => this.leaseDue(query, now)) ??
        this.leaseWhatIsLeft(query, now))
      : { rows: [], more: false };
    const leased = rows.flatMap((row) => this.ends.asSettled(row, now) ?? []);
    const damage = this.salvage.known;
    const nextDueInMs = Math.min(this.nextDue(now) ?? Infinity, stepInMs ?? Infinity);
    return { rows: leased, more, nextDueInMs, ...(damage && { damage }) };
  }

  /** This thread may have followed one that ended, and what that leased is still under way. */
  own(): void {
    if (!this.owners.isMine) this.file.write(() => this.owners.acquire());
  }

  private hasDue({ mailer }: LeaseQuery, now: number): boolean {
    const due = `SELECT 1 FROM jobs WHERE state = ${WAITING} AND due_at <= ? LIMIT 1`;
    return (
      this.file.sql(readyOf('seq')).get(mailer, 1, 1, 1) !== undefined ||
      this.file.sql(due).get(now) !== undefined
    );
  }

  private nextDue(now: number): number | undefined {
    const row = this.file.sql(`SELECT min(due_at) AS due FROM jobs WHERE state = ${WAITING}`).get();
    const due = row?.['due'];
    return typeof due === 'number' ? Math.max(0, due - now) : undefined;
  }

  private leaseDue(query: LeaseQuery, now: number): Taken {
    return this.file.write(() => {
      this.promote(now);
      return this.take(query, now);
    });
  }

  /** The file has damaged pages: row by row, past those that cannot be read. */
  private leaseWhatIsLeft(query: LeaseQuery, now: number): Taken {
    const { max, maxSize, mailer, known } = query;
    const { salvage, file } = this;
    // Both lists come out of an index alone.
    const due = `SELECT seq FROM jobs WHERE state = ${WAITING} AND due_at <= ? ORDER BY due_at LIMIT ?`;
    const ready = (limit: number) => file.sql(readyOf('seq')).all(mailer, limit, limit, limit);
    const wake = (seq: SqlValue) =>
      file.sql(`UPDATE jobs SET state = ${READY}, due_at = NULL WHERE seq = ?`).run(seq);
    const claim = (row: SqlRow, ids: ReadonlySet<string>) =>
      file.write(() => this.claim([row], ids, now));
    let budget = maxSize;
    const lease = (seq: SqlValue) => {
      // The rest stays ready for the next lease.
      if (budget < 0) return [];
      const row = file.sql(`SELECT ${COLUMNS} FROM jobs WHERE seq = ?`).get(seq);
      if (!row) return [];
      const size = Number(row['size']);
      const isFirst = budget === maxSize;
      if (size > budget && !isFirst) {
        budget = -1;
        return [];
      }
      const leased =
        salvage.skipDamage(() => claim(row, known)) ?? claim(row, new Set([String(row['id'])]));
      budget -= size;
      return leased;
    };
    salvage.each((limit) => file.sql(due).all(now, limit), UPKEEP_ROWS, wake);
    const rows = salvage.each(ready, max, lease).flat();
    if (rows.length === 0) salvage.startOver();
    return { rows, more: rows.length > 0 };
  }

  /** Waiting jobs whose time has come take their old place in the line. */
  private promote(now: number): void {
    this.file
      .sql(
        `UPDATE jobs SET state = ${READY}, due_at = NULL WHERE seq IN
         (SELECT seq FROM jobs WHERE state = ${WAITING} AND due_at <= ?
          ORDER BY due_at LIMIT ${UPKEEP_ROWS})`,
      )
      .run(now);
  }

  private take({ max, maxSize, mailer, known }: LeaseQuery, now: number): Taken {
    const limit = max + 1;
    const found = this.file.sql(readyOf(COLUMNS)).all(mailer, limit, limit, limit);
    const sizes = found.slice(0, max).map(({ size }) => Number(size));
    const taken = found.slice(0, countFitting(sizes, maxSize));
    return { rows: this.claim(taken, known, now), more: found.length > taken.length };
  }

  /** Bodies that the caller knows are not read. */
  private claim(taken: readonly SqlRow[], known: ReadonlySet<string>, now: number): LeasedRow[] {
    const seqs = JSON.stringify(taken.map(({ seq }) => seq));
    this.file
      .sql(`UPDATE jobs SET state = ${LEASED}, owner = ?, lease_until = ? WHERE ${SEQ_LIST}`)
      .run(this.owners.id, now + this.options.leaseMs, seqs);
    const unknown = taken.filter(({ id }) => !known.has(String(id)));
    const bodies = this.goodBodiesOf(unknown);
    return taken.map((row): LeasedRow => {
      const { seq, id, attempts, unknowns, born_at, open, size } = row;
      this.ends.leased(String(id), seq ?? null);
      return {
        id: String(id),
        attempts: Number(attempts),
        unknowns: Number(unknowns),
        bornAt: Number(born_at),
        size: Number(size),
        open: typeof open === 'string' ? open : null,
        body: bodies.get(seq) ?? null,
      };
    });
  }

  /** Those whose checksum is right. The others are read again: what is read wrong stays in a connection. */
  private goodBodiesOf(rows: readonly SqlRow[]): ReadonlyMap<SqlRow['seq'], string> {
    const good = new Map<SqlRow['seq'], string>();
    if (rows.length === 0) return good;
    const read = (some: readonly SqlRow[], sql: SqlStatement) => {
      const seqs = JSON.stringify(some.map(({ seq }) => seq));
      const bodies = new Map(sql.all(seqs).map(({ seq, body }) => [seq, body]));
      return some.filter(({ seq, id, checksum }) => {
        const body = bodies.get(seq);
        if (typeof body !== 'string' || checksumOf(String(id), body) !== checksum) return true;
        good.set(seq, body);
        return false;
      });
    };
    const bad = read(rows, this.file.sql(BODIES));
    const now = performance.now();
    if (bad.length === 0 || now - this.readAnewAt < READ_ANEW_EVERY_MS) return good;
    this.readAnewAt = now;
    try {
      this.file.readAnew((db) => read(bad, db.prepare(BODIES)));
    } catch {
      // Not now either; the worker asks once more.
    }
    return good;
  }
}
