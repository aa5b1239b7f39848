import { countFitting } from '../job.js';
import type { LeaseRequest } from '../relay.js';
import { checksumOf } from './intake.js';
import type { Owners } from './owners.js';
import { Salvage } from './salvage.js';
import { DEAD, LEASED, READY, SENT, WAITING } from './schema.js';
import type { SpoolFile } from './spool-file.js';
import type { SqlRow, SqlValue } from './sqlite.js';
import type { LeasedRow, LeasedRows, NotSent, StoreOptions } from './store.types.js';
import { Upkeep, UPKEEP_ROWS } from './upkeep.js';

/** What is read of a row before its body. */
const COLUMNS = 'seq, id, attempts, unknowns, born_at, open, size, checksum';

/** A column's value is one of a JSON array, the one value given: a statement for many costs little more than for one. */
const IN_LIST = (column: 'id' | 'seq') => `${column} IN (SELECT value FROM json_each(?))`;

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

/** Leases, and how they end. */
export class Work {
  private readonly upkeep: Upkeep;
  private readonly salvage: Salvage;

  constructor(
    private readonly file: SpoolFile,
    private readonly owners: Owners,
    private readonly options: StoreOptions,
  ) {
    this.upkeep = new Upkeep(file, owners, options.leaseMs);
    this.salvage = new Salvage(file);
  }

  /** Due jobs of a mailer: higher priority first, then first come, first served. */
  lease(query: LeaseQuery, now: number): LeasedRows {
    this.own();
    this.salvage.skipDamage(() => this.upkeep.recover(now));
    this.salvage.skipDamage(() => this.upkeep.maintain(now));
    // Looked at before the write lock is taken: an idle spool costs its neighbours nothing.
    const leased = this.hasDue(query, now)
      ? (this.salvage.skipDamage(() => this.leaseDue(query, now)) ??
        this.leaseWhatIsLeft(query, now))
      : { rows: [], more: false };
    const { damage } = this.salvage;
    return { ...leased, nextDueInMs: this.nextDue(now), ...(damage !== undefined && { damage }) };
  }

  /** Returns the ids of what could not be recorded. */
  settle(sent: readonly string[], others: readonly NotSent[], now: number): string[] {
    const record = (ids: readonly string[], rest: readonly NotSent[]) =>
      this.file.write(() => {
        if (ids.length > 0) this.sent(ids, now);
        for (const settlement of rest) this.settleOne(settlement, now);
        return true;
      });
    if (this.salvage.skipDamage(() => record(sent, others))) return [];
    // One by one. A body that cannot be removed is no reason to send its mail again.
    const isRecorded = (work: () => unknown) =>
      this.salvage.skipDamage(() => (work(), true)) === true;
    const lost = sent.filter(
      (id) => !isRecorded(() => record([id], [])) && !isRecorded(() => this.forget(id)),
    );
    for (const settlement of others) {
      if (!isRecorded(() => record([], [settlement]))) lost.push(settlement.id);
    }
    return lost;
  }

  /** Returns those that are still ours. */
  heartbeat(ids: readonly string[], now: number): string[] {
    // This thread may have followed one that ended, and what that leased is still under way.
    this.own();
    const list = JSON.stringify(ids);
    const ours = `${IN_LIST('id')} AND state = ${LEASED} AND owner = ?`;
    return this.file.write(() => {
      this.file
        .sql(`UPDATE jobs SET lease_until = ? WHERE ${ours}`)
        .run(now + this.options.leaseMs, list, this.owners.id);
      return this.file
        .sql(`SELECT id FROM jobs WHERE ${ours}`)
        .all(list, this.owners.id)
        .map(({ id }) => String(id));
    });
  }

  release(ids: readonly string[]): void {
    this.file.write(() =>
      this.file
        .sql(
          `UPDATE jobs SET state = ${READY}, owner = NULL, lease_until = NULL
           WHERE ${IN_LIST('id')} AND state = ${LEASED} AND owner = ?`,
        )
        .run(JSON.stringify(ids), this.owners.id),
    );
  }

  private own(): void {
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

  private leaseDue(query: LeaseQuery, now: number): LeasedRows {
    return this.file.write(() => {
      this.promote(now);
      return this.take(query, now);
    });
  }

  /** The file has damaged pages: row by row, past those that cannot be read. */
  private leaseWhatIsLeft(query: LeaseQuery, now: number): LeasedRows {
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

  private take({ max, maxSize, mailer, known }: LeaseQuery, now: number): LeasedRows {
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
      .sql(`UPDATE jobs SET state = ${LEASED}, owner = ?, lease_until = ? WHERE ${IN_LIST('seq')}`)
      .run(this.owners.id, now + this.options.leaseMs, seqs);
    const unknown = taken.filter(({ id }) => !known.has(String(id)));
    const bodies = this.bodiesOf(unknown.map(({ seq }) => seq));
    return taken.map((row): LeasedRow => {
      const { seq, id, attempts, unknowns, born_at, open, size, checksum } = row;
      const body = bodies.get(seq);
      const good = typeof body === 'string' && checksumOf(String(id), body) === checksum;
      return {
        id: String(id),
        attempts: Number(attempts),
        unknowns: Number(unknowns),
        bornAt: Number(born_at),
        size: Number(size),
        open: typeof open === 'string' ? open : null,
        body: good ? body : null,
      };
    });
  }

  private bodiesOf(seqs: readonly SqlRow['seq'][]): ReadonlyMap<SqlRow['seq'], SqlRow['body']> {
    if (seqs.length === 0) return new Map();
    const rows = this.file
      .sql(`SELECT seq, body FROM bodies WHERE ${IN_LIST('seq')}`)
      .all(JSON.stringify(seqs));
    return new Map(rows.map(({ seq, body }) => [seq, body]));
  }

  private settleOne(settlement: NotSent, now: number): void {
    const { id, outcome, attempts, unknowns, open, failure } = settlement;
    const waits = outcome === 'deferred';
    // Only while the lease is ours: whoever took it over decides now.
    this.file
      .sql(
        `UPDATE jobs SET state = ?, due_at = ?, delay_ms = ?, attempts = ?, unknowns = ?,
           open = coalesce(?, open), reason = ?, failure = ?, owner = NULL, lease_until = NULL
         WHERE id = ? AND state = ${LEASED} AND owner = ?`,
      )
      .run(
        waits ? WAITING : DEAD,
        waits ? now + settlement.delayMs : null,
        waits ? settlement.delayMs : null,
        attempts,
        unknowns,
        open ? JSON.stringify(open) : null,
        waits ? null : settlement.reason,
        JSON.stringify(failure),
        id,
        this.owners.id,
      );
  }

  private forget(id: string): void {
    this.file.write(() => this.file.sql('DELETE FROM jobs WHERE id = ?').run(id));
  }

  /** Whoever holds the lease: a mail that was accepted is not to be sent again. */
  private sent(ids: readonly string[], now: number): void {
    const live = `${IN_LIST('id')} AND state IN (${READY}, ${WAITING}, ${LEASED})`;
    const list = JSON.stringify(ids);
    if (this.options.keepSentMs > 0) {
      this.file
        .sql(
          `UPDATE jobs SET state = ${SENT}, due_at = ?, owner = NULL, lease_until = NULL WHERE ${live}`,
        )
        .run(now + this.options.keepSentMs, list);
      return;
    }
    this.file.sql(`DELETE FROM bodies WHERE seq IN (SELECT seq FROM jobs WHERE ${live})`).run(list);
    this.file.sql(`DELETE FROM jobs WHERE ${live}`).run(list);
  }
}
