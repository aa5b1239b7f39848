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
import type { RowDetails } from './store.types.js';

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

  retry(ids: readonly string[] | 'all', now: number): number {
    const again = `UPDATE jobs SET state = ${READY}, reason = NULL, attempts = 0, unknowns = 0, born_at = ?, delay_ms = NULL
                   WHERE state = ${DEAD}`;
    return this.file.write(() => {
      if (ids === 'all') return Number(this.file.sql(again).run(now).changes);
      const one = this.file.sql(`${again} AND id = ?`);
      return ids.reduce((sum, id) => sum + Number(one.run(now, id).changes), 0);
    });
  }

  /** Their idempotency keys are free again. */
  discard(ids: readonly string[] | 'all'): number {
    const chosen = ids === 'all' ? '' : 'AND id IN (SELECT value FROM json_each(?))';
    const given = ids === 'all' ? [] : [JSON.stringify(ids)];
    const dead = (column: 'id' | 'seq') =>
      `SELECT ${column} FROM jobs WHERE state = ${DEAD} ${chosen}`;
    return this.file.write(() => {
      this.file.sql(`DELETE FROM keys WHERE id IN (${dead('id')})`).run(...given);
      this.file.sql(`DELETE FROM bodies WHERE seq IN (${dead('seq')})`).run(...given);
      const jobs = this.file.sql(`DELETE FROM jobs WHERE state = ${DEAD} ${chosen}`);
      return Number(jobs.run(...given).changes);
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
