import {
  RELAY_PRIORITIES,
  type JobDetails,
  type JobState,
  type JobSummary,
  type ListOptions,
  type RelayStats,
} from '../relay.js';
import type { BullQueue, RedisClient } from './bull-queue.js';
import { readJob, summaryOf, SUMMARY_FIELDS } from './job-hash.js';
import type { RedisLink } from './redis-link.js';

const REPEATABLE = { repeatable: true } as const;
const PAGE = 500;

interface Place {
  readonly key: string;
  readonly sorted: boolean;
}

/** Where Bull keeps jobs of a state; a list begins at its right end. Named mailers have lists of their own. */
const PLACES: Record<JobState, readonly Place[]> = {
  queued: [
    { key: 'relay:high', sorted: false },
    { key: 'wait', sorted: false },
    { key: 'paused', sorted: false },
    { key: 'relay:low', sorted: false },
  ],
  scheduled: [{ key: 'delayed', sorted: true }],
  deferred: [{ key: 'delayed', sorted: true }],
  leased: [{ key: 'active', sorted: false }],
  dead: [{ key: 'failed', sorted: true }],
  sent: [{ key: 'completed', sorted: true }],
};

/** Looks into the queue, and does what an operator asks for. Pages, so that Redis is never held up. */
export class BullAdmin {
  constructor(
    private readonly queue: BullQueue,
    private readonly link: RedisLink,
    private readonly owner: string,
  ) {}

  async list({ state = 'dead', limit = 100, after }: ListOptions): Promise<readonly JobSummary[]> {
    const found: JobSummary[] = [];
    let reached = after === undefined || (await this.find(after, state)) === undefined;
    for (const { key, sorted } of await this.placesOf(state)) {
      for await (const jobId of this.walk(key, sorted)) {
        const summary = await this.summarize(jobId, state);
        if (!summary) continue;
        if (reached) found.push(summary);
        else reached = summary.id === after;
        if (found.length >= limit) return found;
      }
    }
    return found;
  }

  async show(id: string): Promise<JobDetails | undefined> {
    const place = await this.locate(id);
    if (!place) return undefined;
    const { jobId, state } = place;
    const summary = await this.summarize(jobId, state);
    if (!summary) return undefined;
    const [data, open] = await this.fields(jobId, ['data', 'relay:open']);
    try {
      const hash = { data: data ?? '', attempts: '', unknowns: '', bornAt: '', open: open ?? '' };
      return { ...summary, mail: readJob(jobId, hash).leased.mail };
    } catch {
      return summary;
    }
  }

  /** Retries or discards dead jobs. Answers how many. */
  async change(
    what: 'relayRetry' | 'relayDiscard',
    ids: readonly string[] | 'all',
  ): Promise<number> {
    const jobIds: string[] = [];
    if (ids === 'all') for await (const id of this.walk('failed', true)) jobIds.push(id);
    else for (const id of ids) jobIds.push((await this.find(id, 'dead')) ?? id);
    let count = 0;
    for (let i = 0; i < jobIds.length; i += PAGE) {
      const page = jobIds.slice(i, i + PAGE);
      // Not repeated by itself: what it changed the first time, it would not count again.
      const changed = await this.link.script(what, this.owner, page, { repeatable: false });
      count += Number(changed);
    }
    return count;
  }

  async stats(): Promise<RelayStats> {
    const count = (key: string, sorted: boolean) =>
      this.link.call((client) => {
        const name = this.queue.toKey(key);
        return sorted ? client.zcard(name) : client.llen(name);
      }, REPEATABLE);
    const total = async (state: JobState) => {
      const places = await this.placesOf(state);
      const counts = await Promise.all(places.map(({ key, sorted }) => count(key, sorted)));
      return counts.reduce((sum, one) => sum + one, 0);
    };
    const states = ['queued', 'leased', 'dead', 'sent'] as const;
    const [queued = 0, leased = 0, dead = 0, sent = 0] = await Promise.all(states.map(total));
    let scheduled = 0;
    let deferred = 0;
    for await (const jobId of this.walk('delayed', true)) {
      if ((await this.stateOfDelayed(jobId)) === 'deferred') deferred += 1;
      else scheduled += 1;
    }
    return { queued, scheduled, deferred, leased, dead, sent };
  }

  private async summarize(jobId: string, state: JobState): Promise<JobSummary | undefined> {
    if (state === 'scheduled' || state === 'deferred') {
      if ((await this.stateOfDelayed(jobId)) !== state) return undefined;
    }
    const values = await this.fields(jobId, SUMMARY_FIELDS);
    const dueAt =
      state === 'scheduled' || state === 'deferred' ? await this.dueAt(jobId) : undefined;
    return summaryOf(jobId, state, values, dueAt);
  }

  private async dueAt(jobId: string): Promise<number | undefined> {
    const key = this.queue.toKey('delayed');
    const score = await this.link.call((client) => client.zscore(key, jobId), REPEATABLE);
    return score === null ? undefined : Math.floor(Number(score) / 4096);
  }

  /** Bull keeps both in one set; only what was deferred has failed before. */
  private async stateOfDelayed(jobId: string): Promise<'scheduled' | 'deferred'> {
    const [failure] = await this.fields(jobId, ['relay:failure']);
    return failure ? 'deferred' : 'scheduled';
  }

  private async locate(id: string): Promise<{ jobId: string; state: JobState } | undefined> {
    for (const state of ['dead', 'queued', 'deferred', 'leased'] as const) {
      const jobId = await this.find(id, state);
      if (jobId === undefined) continue;
      return { jobId, state: state === 'deferred' ? await this.stateOfDelayed(jobId) : state };
    }
    return undefined;
  }

  private async placesOf(state: JobState): Promise<readonly Place[]> {
    if (state !== 'queued') return PLACES[state];
    const key = this.queue.toKey('relay:mailers');
    const mailers = await this.link.call((client) => client.smembers(key), REPEATABLE);
    const named = mailers
      .sort()
      .flatMap((mailer) =>
        RELAY_PRIORITIES.map((one) => ({ key: `relay:${one}@${mailer}`, sorted: false })),
      );
    return [...PLACES.queued, ...named];
  }

  /** The job of a mail: most have its id, those with an idempotency key only its name. */
  private async find(id: string, state: JobState): Promise<string | undefined> {
    const places = await this.placesOf(state);
    for (const { key, sorted } of places) {
      if (await this.isIn(key, sorted, id)) return id;
    }
    for (const { key, sorted } of places) {
      for await (const jobId of this.walk(key, sorted)) {
        if (!jobId.startsWith('key-')) continue;
        const [name] = await this.fields(jobId, ['name']);
        if (name === id) return jobId;
      }
    }
    return undefined;
  }

  private async isIn(key: string, sorted: boolean, id: string): Promise<boolean> {
    const name = this.queue.toKey(key);
    const look = (client: RedisClient) => (sorted ? client.zrank(name, id) : client.lpos(name, id));
    return (await this.link.call<number | null>(look, REPEATABLE)) !== null;
  }

  /** Ids in order, page by page; what comes and goes meanwhile may be missed or met twice. */
  private async *walk(key: string, sorted: boolean): AsyncGenerator<string> {
    const name = this.queue.toKey(key);
    for (let from = 0; ; from += PAGE) {
      const to = from + PAGE - 1;
      const page = await this.link.call(
        (client) =>
          sorted ? client.zrange(name, from, to) : client.lrange(name, -1 - to, -1 - from),
        REPEATABLE,
      );
      yield* sorted ? page : page.reverse();
      if (page.length < PAGE) return;
    }
  }

  private fields(jobId: string, names: readonly string[]): Promise<(string | null)[]> {
    const key = this.queue.toKey(jobId);
    return this.link.call((client) => client.hmget(key, ...names), REPEATABLE);
  }
}
