import { performance } from 'node:perf_hooks';
import type { Owners } from './owners.js';
import type { Salvage } from './salvage.js';
import { SENT, WAITING } from './schema.js';
import type { SpoolFile } from './spool-file.js';
import type { SqlRow, SqlValue } from './sqlite.js';

/** Rows that one step touches, so that it never holds the write lock for long. */
export const UPKEEP_ROWS = 1_000;
/** A round of steps begins so often, in milliseconds, and no more often than it takes a twentieth of the time. */
const ROUND_EVERY_MS = 30_000;
const SHARE = 20;
/** Others get the write lock in between, for at least so many milliseconds. */
const PAUSE_MS = 5;
/** The clock was set back when it lags behind the monotonic one by this much more, in milliseconds. */
const JUMP_MS = 1_000;

/** Does a part of its work; returns whether there is more of it. */
type Step = (now: number) => boolean;

/** What is done now and then, whoever leases: a step at a time until nothing is due. */
export class Upkeep {
  private round: Step[] = [];
  private roundAt = Number.NEGATIVE_INFINITY;
  private steppedAt = Number.NEGATIVE_INFINITY;
  private spentMs = 0;
  /** The wall clock less the monotonic one, when they were last looked at. */
  private offset = Number.POSITIVE_INFINITY;
  /** Where the step over a list goes on. */
  private from: readonly [number, SqlValue] = [0, 0];

  constructor(
    private readonly file: SpoolFile,
    private readonly owners: Owners,
    private readonly salvage: Salvage,
  ) {}

  /** Does a step if one is due. Returns in how many milliseconds the next one is. */
  step(now: number): number | undefined {
    const at = performance.now();
    if (this.round.length === 0) {
      if (at - this.roundAt < Math.max(ROUND_EVERY_MS, SHARE * this.spentMs)) return undefined;
      this.roundAt = at;
      this.spentMs = 0;
      this.round = this.stepsOf(now, at);
    } else if (at - this.steppedAt < PAUSE_MS) return PAUSE_MS;
    const hasMore = this.salvage.skipDamage(() => this.round[0]?.(now)) ?? false;
    if (!hasMore) {
      this.round.shift();
      this.from = [0, 0];
    }
    this.steppedAt = performance.now();
    this.spentMs += this.steppedAt - at;
    return this.round.length > 0 ? PAUSE_MS : undefined;
  }

  private stepsOf(now: number, at: number): Step[] {
    const wasSetBack = now - at < this.offset - JUMP_MS;
    this.offset = now - at;
    const steps = [this.pruneSent, this.pruneKeys, this.sweepOwners];
    return wasSetBack ? [...steps, this.correctDueTimes] : steps;
  }

  private sweepOwners: Step = () => {
    this.file.write(() => this.owners.sweep());
    return false;
  };

  private pruneSent: Step = (now) => {
    const { file, salvage } = this;
    const seqs = file
      .sql(`SELECT seq FROM jobs WHERE state = ${SENT} AND due_at <= ? ORDER BY due_at LIMIT ?`)
      .all(now, UPKEEP_ROWS)
      .map(({ seq }) => seq);
    const remove = (some: typeof seqs) =>
      file.write(() => {
        const list = JSON.stringify(some);
        file.sql('DELETE FROM bodies WHERE seq IN (SELECT value FROM json_each(?))').run(list);
        file.sql('DELETE FROM jobs WHERE seq IN (SELECT value FROM json_each(?))').run(list);
        return true;
      });
    if (seqs.length === 0) return false;
    if (salvage.skipDamage(() => remove(seqs))) return seqs.length === UPKEEP_ROWS;
    // Some stand on a page that is damaged, and stay.
    for (const seq of seqs) salvage.skipDamage(() => remove([seq]));
    return false;
  };

  /** A key outlives its time as long as its mail is here. */
  private pruneKeys: Step = (now) => {
    const found = this.list(
      `SELECT key, expires_at, id IN (SELECT id FROM jobs WHERE state <> ${SENT}) AS is_here FROM keys
       WHERE expires_at <= ? AND (expires_at, key) > (?, ?) ORDER BY expires_at, key LIMIT ?`,
      [now, ...this.from],
    );
    const over = found.filter(({ is_here }) => is_here === 0).map(({ key }) => key);
    if (over.length > 0) {
      const remove = 'DELETE FROM keys WHERE key IN (SELECT value FROM json_each(?)) AND expires_at <= ?'; // prettier-ignore
      this.file.write(() => this.file.sql(remove).run(JSON.stringify(over), now));
    }
    const last = found.at(-1);
    this.from = [Number(last?.['expires_at']), last?.['key'] ?? ''];
    return found.length === UPKEEP_ROWS;
  };

  /** The clock was set back, now or while nobody looked: no deferred mail waits for longer than was decided. */
  private correctDueTimes: Step = (now) => {
    const [dueAt, seq] = this.from;
    const found = this.list(
      `SELECT seq, due_at, delay_ms FROM jobs
       WHERE state = ${WAITING} AND (due_at, seq) > (?, ?) ORDER BY due_at, seq LIMIT ?`,
      [Math.max(now, dueAt), seq],
    );
    const late = (row: SqlRow) =>
      row['delay_ms'] !== null && Number(row['due_at']) > now + Number(row['delay_ms']);
    const seqs = found.filter(late).map((row) => row['seq']);
    if (seqs.length > 0) {
      const correct = `UPDATE jobs SET due_at = ? + delay_ms
        WHERE seq IN (SELECT value FROM json_each(?)) AND state = ${WAITING} AND due_at > ? + delay_ms`;
      this.file.write(() => this.file.sql(correct).run(now, JSON.stringify(seqs), now));
    }
    const last = found.at(-1);
    this.from = [Number(last?.['due_at']), last?.['seq'] ?? 0];
    return found.length === UPKEEP_ROWS;
  };

  private list(sql: string, given: readonly SqlValue[]): SqlRow[] {
    return this.file.sql(sql).all(...given, UPKEEP_ROWS);
  }
}
