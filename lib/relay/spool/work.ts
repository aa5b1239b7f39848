import { checksumOf } from './intake.js';
import type { Owners } from './owners.js';
import { DEAD, LEASED, READY, SENT, WAITING } from './schema.js';
import type { SpoolFile } from './spool-file.js';
import type { SqlRow } from './sqlite.js';
import type { LeasedRow, LeasedRows, NotSent, StoreOptions } from './store.types.js';

/** Bodies that one lease may bring into memory, in characters; always at least one job. */
const LEASE_BUDGET = 32 * 1024 * 1024;
/** How often the leases of others are looked at, in milliseconds. */
const RECOVER_EVERY_MS = 1_000;
const MAINTAIN_EVERY_MS = 30_000;
/** Rows that one upkeep step touches, so that it never holds the write lock for long. */
const UPKEEP_ROWS = 1_000;

/** A column's value is one of a JSON array, the one value given: a statement for many costs little more than for one. */
const IN_LIST = (column: 'id' | 'seq') => `${column} IN (SELECT value FROM json_each(?))`;

/** How many of these rows one lease may take: at least one, then as many as its budget allows. */
function fitting(rows: readonly SqlRow[]): number {
  let budget = LEASE_BUDGET;
  const end = rows.findIndex(({ size }, index) => (budget -= Number(size)) < 0 && index > 0);
  return end === -1 ? rows.length : end;
}

/** Leases, and how they end. */
export class Work {
  private recoveredAt = Number.NEGATIVE_INFINITY;
  private maintainedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly file: SpoolFile,
    private readonly owners: Owners,
    private readonly options: StoreOptions,
  ) {}

  /** Up to `max` due jobs: higher priority first, then first come, first served. */
  lease(max: number, known: ReadonlySet<string>, now: number): LeasedRows {
    this.owners.acquire();
    this.recover(now);
    this.maintain(now);
    // Looked at before the write lock is taken: an idle spool costs its neighbours nothing.
    if (!this.hasDue(now)) return { rows: [], more: false, nextDueInMs: this.nextDue(now) };
    const leased = this.file.write(() => {
      this.promote(now);
      return this.take(max, known, now);
    });
    return { ...leased, nextDueInMs: this.nextDue(now) };
  }

  settle(sent: readonly string[], others: readonly NotSent[], now: number): void {
    this.file.write(() => {
      if (sent.length > 0) this.sent(sent, now);
      for (const settlement of others) this.settleOne(settlement, now);
    });
  }

  heartbeat(ids: readonly string[], now: number): void {
    this.file.write(() =>
      this.file
        .sql(
          `UPDATE jobs SET lease_until = ? WHERE ${IN_LIST('id')} AND state = ${LEASED} AND owner = ?`,
        )
        .run(now + this.options.leaseMs, JSON.stringify(ids), this.owners.id),
    );
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

  private hasDue(now: number): boolean {
    const ready = `SELECT 1 FROM jobs WHERE state = ${READY} LIMIT 1`;
    const due = `SELECT 1 FROM jobs WHERE state = ${WAITING} AND due_at <= ? LIMIT 1`;
    return this.file.sql(ready).get() !== undefined || this.file.sql(due).get(now) !== undefined;
  }

  private nextDue(now: number): number | undefined {
    const row = this.file.sql(`SELECT min(due_at) AS due FROM jobs WHERE state = ${WAITING}`).get();
    const due = row?.['due'];
    return typeof due === 'number' ? Math.max(0, due - now) : undefined;
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

  private take(max: number, known: ReadonlySet<string>, now: number): LeasedRows {
    const found = this.file
      .sql(
        `SELECT seq, id, attempts, born_at, open, size, checksum FROM jobs
         WHERE state = ${READY} ORDER BY priority, seq LIMIT ?`,
      )
      .all(max + 1);
    const taken = found.slice(0, fitting(found.slice(0, max)));
    const seqs = JSON.stringify(taken.map(({ seq }) => seq));
    this.file
      .sql(`UPDATE jobs SET state = ${LEASED}, owner = ?, lease_until = ? WHERE ${IN_LIST('seq')}`)
      .run(this.owners.id, now + this.options.leaseMs, seqs);
    const unknown = taken.filter(({ id }) => !known.has(String(id)));
    const bodies = this.bodiesOf(unknown.map(({ seq }) => seq));
    const rows = taken.map(({ seq, id, attempts, born_at, open, checksum }): LeasedRow => {
      const body = bodies.get(seq);
      const good = typeof body === 'string' && checksumOf(String(id), body) === checksum;
      return {
        id: String(id),
        attempts: Number(attempts),
        bornAt: Number(born_at),
        open: typeof open === 'string' ? open : null,
        body: good ? body : null,
      };
    });
    return { rows, more: found.length > rows.length };
  }

  private bodiesOf(seqs: readonly SqlRow['seq'][]): ReadonlyMap<SqlRow['seq'], SqlRow['body']> {
    if (seqs.length === 0) return new Map();
    const rows = this.file
      .sql(`SELECT seq, body FROM bodies WHERE ${IN_LIST('seq')}`)
      .all(JSON.stringify(seqs));
    return new Map(rows.map(({ seq, body }) => [seq, body]));
  }

  private settleOne(settlement: NotSent, now: number): void {
    const { id, outcome, attempts, open, failure } = settlement;
    const waits = outcome === 'deferred';
    // Only while the lease is ours: whoever took it over decides now.
    this.file
      .sql(
        `UPDATE jobs SET state = ?, due_at = ?, delay_ms = ?, attempts = ?, open = coalesce(?, open),
           reason = ?, failure = ?, owner = NULL, lease_until = NULL
         WHERE id = ? AND state = ${LEASED} AND owner = ?`,
      )
      .run(
        waits ? WAITING : DEAD,
        waits ? now + settlement.delayMs : null,
        waits ? settlement.delayMs : null,
        attempts,
        open ? JSON.stringify(open) : null,
        waits ? null : settlement.reason,
        JSON.stringify(failure),
        id,
        this.owners.id,
      );
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

  /** Takes back what processes hold that are gone, at once, or whose lease has run out. */
  private recover(now: number): void {
    if (performance.now() - this.recoveredAt < RECOVER_EVERY_MS) return;
    this.recoveredAt = performance.now();
    const others = this.file
      .sql(`SELECT DISTINCT owner FROM jobs WHERE state = ${LEASED} AND owner <> ?`)
      .all(this.owners.id)
      .map((row) => String(row['owner']));
    const dead = others.filter((owner) => this.owners.isDead(owner));
    const expired = this.file
      .sql(`SELECT 1 FROM jobs WHERE state = ${LEASED} AND lease_until <= ? LIMIT 1`)
      .get(now);
    if (dead.length === 0 && !expired) return;
    const giveBack = `UPDATE jobs SET state = ${READY}, owner = NULL, lease_until = NULL
                      WHERE state = ${LEASED} AND`;
    this.file.write(() => {
      for (const owner of dead) this.file.sql(`${giveBack} owner = ?`).run(owner);
      // A lease of our own runs out, too, when this process was stopped for long.
      this.file.sql(`${giveBack} lease_until <= ?`).run(now);
    });
  }

  private maintain(now: number): void {
    if (performance.now() - this.maintainedAt < MAINTAIN_EVERY_MS) return;
    this.maintainedAt = performance.now();
    this.file.write(() => {
      // The clock was set back: nobody waits for longer than was decided.
      this.file
        .sql(
          `UPDATE jobs SET due_at = ? + delay_ms
           WHERE state = ${WAITING} AND delay_ms IS NOT NULL AND due_at > ? + delay_ms`,
        )
        .run(now, now);
      const old = `SELECT seq FROM jobs WHERE state = ${SENT} AND due_at <= ? ORDER BY due_at LIMIT ${UPKEEP_ROWS}`;
      this.file.sql(`DELETE FROM bodies WHERE seq IN (${old})`).run(now);
      this.file.sql(`DELETE FROM jobs WHERE seq IN (${old})`).run(now);
      // A key outlives its time as long as its mail is here.
      this.file
        .sql(
          `DELETE FROM keys WHERE key IN
           (SELECT key FROM keys WHERE expires_at <= ? AND id NOT IN (SELECT id FROM jobs)
            ORDER BY expires_at LIMIT ${UPKEEP_ROWS})`,
        )
        .run(now);
    });
  }
}
