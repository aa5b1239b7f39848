import type { JobDetails, JobState, JobSummary, ListOptions, RelayStats } from '../relay.js';
import { RELAY_PRIORITIES } from '../relay.js';
import { readJob, summaryOf, SUMMARY_FIELDS } from './job-hash.js';
import type { ScriptName } from './scripts.js';

/** Jobs that one step looks at, so that Redis is never held up. */
const PAGE = 500;

export type RunScript = (
  name: ScriptName,
  args: readonly (string | number)[],
  options: { readonly repeatable: boolean },
) => Promise<unknown>;

export interface AdminParts {
  readonly run: RunScript;
  /** Names of what holds something: mailers, with the unnamed one, and processes. */
  readonly names: (of: 'mailers' | 'owners') => Promise<readonly string[]>;
}

interface Row {
  readonly jobId: string;
  readonly score: string;
  readonly values: readonly string[];
}

const REPEATABLE = { repeatable: true } as const;

/** Looks into the queue, and does what an operator asks for. */
export class BullAdmin {
  constructor(private readonly parts: AdminParts) {}

  async list({ state = 'dead', limit = 100, after }: ListOptions): Promise<readonly JobSummary[]> {
    const found: JobSummary[] = [];
    let reached = after === undefined;
    for await (const row of this.walk(state)) {
      const summary = summarize(row, state);
      if (!summary) continue;
      if (reached) found.push(summary);
      else reached = summary.id === after;
      if (found.length >= limit) return found;
    }
    // What came before is gone: from the start.
    return reached ? found : this.list({ state, limit });
  }

  async show(id: string): Promise<JobDetails | undefined> {
    for (const place of ['dead', 'queued', 'deferred', 'leased'] as const) {
      const row = await this.find(id, place);
      if (!row) continue;
      const summary =
        summarize(row, place) ?? summaryOf(row.jobId, 'scheduled', row.values, dueAt(row));
      const [data = '', open = ''] = row.values.slice(SUMMARY_FIELDS.length);
      try {
        const hash = { data, attempts: '', unknowns: '', bornAt: '', open };
        return { ...summary, mail: readJob(row.jobId, hash).leased.mail };
      } catch {
        return summary;
      }
    }
    return undefined;
  }

  /** Retries or discards dead jobs. Returns how many. */
  async change(
    what: 'relayRetry' | 'relayDiscard',
    ids: readonly string[] | 'all',
  ): Promise<number> {
    const jobIds: string[] = [];
    if (ids === 'all') for await (const { jobId } of this.walk('dead')) jobIds.push(jobId);
    else for (const id of ids) jobIds.push((await this.find(id, 'dead'))?.jobId ?? id);
    let count = 0;
    for (let i = 0; i < jobIds.length; i += PAGE) {
      // Not repeated by itself: what it changed the first time, it would not count again.
      const page = jobIds.slice(i, i + PAGE);
      count += Number(await this.parts.run(what, page, { repeatable: false }));
    }
    return count;
  }

  async stats(): Promise<RelayStats> {
    const counts = (await this.parts.run('relayCount', [], REPEATABLE)) as number[];
    const [queued = 0, delayed = 0, leased = 0, dead = 0] = counts;
    // Both wait in one set; only what was deferred has failed before.
    let deferred = 0;
    for (let from = 0; from < delayed; from += PAGE) {
      const page = await this.parts.run('relayDeferred', [from, from + PAGE - 1], REPEATABLE);
      deferred += Number(page);
    }
    return { queued, scheduled: delayed - deferred, deferred, leased, dead, sent: 0 };
  }

  /** The job of a mail: most have its id, those with an idempotency key only its name. */
  private async find(id: string, state: JobState): Promise<Row | undefined> {
    const fields = [...SUMMARY_FIELDS, 'data', 'relay:open'];
    for (const key of await this.keysOf(state)) {
      const rows = await this.parts.run('relayFind', [key, id, ...fields], REPEATABLE);
      const [row] = (rows as string[][]).map(rowOf);
      if (row) return row;
    }
    for await (const { jobId, values } of this.walk(state, ['name'])) {
      if (values[0] !== id || jobId === id) continue;
      return this.find(jobId, state);
    }
    return undefined;
  }

  /** Jobs in order, page by page; what comes and goes meanwhile may be missed or met twice. */
  private async *walk(
    state: JobState,
    fields: readonly string[] = SUMMARY_FIELDS,
  ): AsyncGenerator<Row> {
    for (const key of await this.keysOf(state)) {
      for (let from = 0; ; from += PAGE) {
        const args = [key, from, from + PAGE - 1, ...fields];
        const rows = (await this.parts.run('relayPage', args, REPEATABLE)) as string[][];
        yield* rows.map(rowOf);
        if (rows.length < PAGE) break;
      }
    }
  }

  private async keysOf(state: JobState): Promise<string[]> {
    const { names } = this.parts;
    switch (state) {
      case 'queued': {
        const mailers = await names('mailers');
        return RELAY_PRIORITIES.flatMap((priority) =>
          mailers.flatMap((mailer) => [
            `again:${priority}:${mailer}`,
            `line:${priority}:${mailer}`,
          ]),
        );
      }
      case 'scheduled':
      case 'deferred':
        return ['delayed'];
      case 'leased':
        return (await names('owners')).map((owner) => `active:${owner}`);
      case 'dead':
        return ['dead'];
      case 'sent':
        return [];
    }
  }
}

function rowOf([jobId = '', score = '', ...values]: readonly string[]): Row {
  return { jobId, score, values };
}

function dueAt({ score }: Row): number {
  return Math.floor(Number(score) / 4096);
}

function summarize(row: Row, state: JobState): JobSummary | undefined {
  const { jobId, values } = row;
  if (state !== 'scheduled' && state !== 'deferred') return summaryOf(jobId, state, values);
  const summary = summaryOf(jobId, state, values, dueAt(row));
  // Both wait in one set; only what was deferred has failed before.
  return (summary.failure !== undefined) === (state === 'deferred') ? summary : undefined;
}
