import { parseFailure } from '../job.js';
import {
  RELAY_PRIORITIES,
  type JobState,
  type JobSummary,
  type ListOptions,
  type RelayStats,
} from '../relay.js';
import { DEAD, LEASED, READY, SENT, WAITING } from './schema.js';
import type { SpoolFile } from './spool-file.js';
import type { SqlRow } from './sqlite.js';
import type { RowDetails, StepDone } from './store.types.js';

/** Which rows each listed state means. */
const WHERE: Record<JobState, string> = {
  queued: `state = ${READY}`,
  scheduled: `state = ${WAITING} AND delay_ms IS NULL`,
  deferred: `state = ${WAITING} AND delay_ms IS NOT NULL`,
  leased: `state = ${LEASED}`,
  dead: `state = ${DEAD}`,
  sent: `state = ${SENT}`,
};
const STATES = Object.keys(WHERE) as JobState[];
/** Rows that one step touches. */
export const STEP_ROWS = 1_000;
const SEQ_LIST = 'seq IN (SELECT value FROM json_each(?))';
const COLUMNS =
  'seq, id, message_id, mailer, state, priority, attempts, unknowns, queued_at, due_at, delay_ms, reason, failure, open';

/** What people ask of a spool. */
export class Admin {
  constructor(private readonly file: SpoolFile) {}

  list({ state = 'dead', limit = 100, after }: ListOptions): JobSummary[] {
    const from = after === undefined ? undefined : this.rowOf(after)?.['seq'];
    return this.file
      .sql(`SELECT ${COLUMNS} FROM jobs WHERE ${WHERE[state]} AND seq > ? ORDER BY seq LIMIT ?`)
      .all(from ?? 0, Math.max(1, limit))
      .map(summaryOf);
  }

  show(id: string): RowDetails | undefined {
    const row = this.rowOf(id);
    if (!row) return undefined;
    const body = this.file.sql('SELECT body FROM bodies WHERE seq = ?').get(row['seq'] ?? null);
    return {
      ...summaryOf(row),
      open: typeof row['open'] === 'string' ? row['open'] : null,
      body: typeof body?.['body'] === 'string' ? body['body'] : null,
    };
  }

  /** One step, over the given or over those dead behind the row `from`: others write in between. */
  retry(ids: readonly string[] | 'all', from: number, now: number): StepDone {
    return this.forDead(ids, from, (list) => {
      const again = `state = ${READY}, reason = NULL, attempts = 0, unknowns = 0, born_at = ?, delay_ms = NULL`;
      return this.file.sql(`UPDATE jobs SET ${again} WHERE ${SEQ_LIST}`).run(now, list).changes;
    });
  }

  /** As `retry`. Their idempotency keys are free again. */
  discard(ids: readonly string[] | 'all', from: number): StepDone {
    return this.forDead(ids, from, (list) => {
      const keys = `DELETE FROM keys WHERE id IN (SELECT id FROM jobs WHERE ${SEQ_LIST})`;
      this.file.sql(keys).run(list);
      this.file.sql(`DELETE FROM bodies WHERE ${SEQ_LIST}`).run(list);
      return this.file.sql(`DELETE FROM jobs WHERE ${SEQ_LIST}`).run(list).changes;
    });
  }

  private forDead(
    ids: readonly string[] | 'all',
    from: number,
    change: (seqs: string) => number | bigint,
  ): StepDone {
    const { file } = this;
    const dead = `SELECT seq FROM jobs WHERE state = ${DEAD} AND`;
    return file.write(() => {
      const rows =
        ids === 'all'
          ? file.sql(`${dead} seq > ? ORDER BY seq LIMIT ?`).all(from, STEP_ROWS)
          : file.sql(`${dead} id IN (SELECT value FROM json_each(?))`).all(JSON.stringify(ids));
      const seqs = rows.map(({ seq }) => seq);
      const count = seqs.length === 0 ? 0 : Number(change(JSON.stringify(seqs)));
      const isLast = ids !== 'all' || seqs.length < STEP_ROWS;
      return isLast ? { count } : { count, next: Number(seqs.at(-1)) };
    });
  }

  stats(): RelayStats {
    const count = (state: JobState) =>
      Number(this.file.sql(`SELECT count(*) AS n FROM jobs WHERE ${WHERE[state]}`).get()?.['n']);
    return Object.fromEntries(
      STATES.map((state) => [state, count(state)]),
    ) as unknown as RelayStats;
  }

  private rowOf(id: string): SqlRow | undefined {
    return this.file.sql(`SELECT ${COLUMNS} FROM jobs WHERE id = ?`).get(id);
  }
}

function summaryOf(row: SqlRow): JobSummary {
  const { id, message_id, mailer, priority, queued_at, due_at, reason, failure } = row;
  const state = stateOf(row);
  // A row may be damaged; it is listed all the same.
  const parsed = parseFailure(failure);
  const waits = state === 'scheduled' || state === 'deferred';
  return {
    id: String(id),
    messageId: String(message_id),
    ...(typeof mailer === 'string' && mailer !== '' && { mailer }),
    state,
    priority: RELAY_PRIORITIES[Number(priority)] ?? 'normal',
    attempts: Number(row['attempts']),
    unknowns: Number(row['unknowns']),
    queuedAt: Number(queued_at),
    ...(waits && typeof due_at === 'number' && { dueAt: due_at }),
    ...(typeof reason === 'string' && { reason: reason as JobSummary['reason'] }),
    ...(parsed && { failure: parsed }),
  };
}

function stateOf({ state, delay_ms }: SqlRow): JobState {
  switch (state) {
    case WAITING:
      return delay_ms === null ? 'scheduled' : 'deferred';
    case LEASED:
      return 'leased';
    case DEAD:
      return 'dead';
    case SENT:
      return 'sent';
    default:
      return 'queued';
  }
}
