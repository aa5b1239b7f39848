import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { bullRelay } from '../../../lib/relay/bull/index.js';
import type { BullRelay } from '../../../lib/relay/bull/bull.relay.js';
import type { MailRelay, RelayPriority } from '../../../lib/relay/relay.js';
import { RedisServer } from '../../fixtures/redis-server.js';
import { FAILURE, newJob, openRelay, type OpenRelay } from './helpers.js';
import { burial } from '../../../lib/relay/job.js';
import { upTo } from '../../fixtures/leases.js';

const BASE = 'bull:nestjs-mail-relay:mails:';

let redis: RedisServer;
const opened: OpenRelay[] = [];

beforeAll(async () => {
  redis = await RedisServer.start();
});

beforeEach(async () => {
  await redis.command('flushall');
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

afterAll(() => redis.close());

async function open(options: Parameters<typeof bullRelay>[0] = {}): Promise<BullRelay> {
  const made = await openRelay(bullRelay({ redis: redis.url, ...options }));
  opened.push(made);
  return made.relay;
}

async function leaseAll(relay: MailRelay, max = 100): Promise<string[]> {
  return (await relay.lease(upTo(max))).jobs.map(({ mail }) => mail.id);
}

const SHORT = { leaseMs: 1_000 } as const;
const pause = (ms: number) => new Promise((go) => setTimeout(go, ms));

/** Until the process that holds it is taken for dead. */
async function untilLeased(relay: MailRelay): Promise<string[]> {
  for (;;) {
    const ids = await leaseAll(relay);
    if (ids.length > 0) return ids;
    await pause(100);
  }
}

/** The same, of a worker that has no use for the mail. */
async function untilGivenBack(relay: MailRelay): Promise<void> {
  await relay.consume({ mailer: 'nobody', onWork: () => undefined });
  while ((await relay.stats()).leased > 0) {
    await leaseAll(relay);
    await pause(100);
  }
  await relay.consume({ onWork: () => undefined });
}

describe('enqueue and lease', () => {
  it('takes the higher priority first, then first come, first served', async () => {
    const relay = await open();
    const order: RelayPriority[] = ['low', 'normal', 'high', 'normal', 'low', 'high'];
    const jobs = order.map((priority) => newJob({ priority }));
    for (const job of jobs) await relay.enqueue([job]);
    const at = (...places: number[]) => places.map((place) => jobs[place]!.mail.id);
    expect(await leaseAll(relay)).toEqual(at(2, 5, 1, 3, 0, 4));
  });

  it('gives the mail back as it was, Buffers included', async () => {
    const relay = await open();
    const job = newJob();
    await relay.enqueue([job]);
    const [leased] = (await relay.lease(upTo(1))).jobs;
    expect(leased).toEqual({
      mail: job.mail,
      attempts: 0,
      unknowns: 0,
      bornAt: job.queuedAt,
      size: expect.any(Number),
    });
  });

  it('leases nothing twice, and in parts', async () => {
    const [one, two] = [await open(), await open()];
    await one.enqueue(Array.from({ length: 40 }, () => newJob()));
    const parts = await Promise.all([leaseAll(one, 15), leaseAll(two, 15), leaseAll(one, 15)]);
    const ids = parts.flat();
    expect(ids).toHaveLength(40);
    expect(new Set(ids).size).toBe(40);
  });

  it('answers the first ids to a key that is taken: waiting, leased, and sent', async () => {
    const relay = await open();
    const first = newJob({ idempotencyKey: 'order-7' });
    const again = async () => (await relay.enqueue([newJob({ idempotencyKey: 'order-7' })]))[0];
    const duplicate = { status: 'duplicate', id: first.mail.id, messageId: first.mail.messageId };
    expect(await relay.enqueue([first])).toEqual([{ status: 'stored' }]);
    expect(await again()).toEqual(duplicate);
    expect(await leaseAll(relay)).toEqual([first.mail.id]);
    expect(await again()).toEqual(duplicate);
    await relay.settle([{ id: first.mail.id, outcome: 'sent' }]);
    expect(await again()).toEqual(duplicate);
    expect(await leaseAll(relay)).toEqual([]);
  });

  it('forgets a key after its time', async () => {
    const relay = await open({ idempotencyTtlMs: 0, timeoutMs: 500 });
    const first = newJob({ idempotencyKey: 'once' });
    await relay.enqueue([first]);
    await leaseAll(relay);
    await relay.settle([{ id: first.mail.id, outcome: 'sent' }]);
    const keys = await redis.command('keys', `${BASE}job:key-*`);
    expect(Number(await redis.command('pttl', keys))).toBeLessThanOrEqual(1_000);
  });

  it('adds a mail once that is added twice, also when it was sent in between', async () => {
    const relay = await open();
    const job = newJob();
    await relay.enqueue([job]);
    await leaseAll(relay);
    await relay.settle([{ id: job.mail.id, outcome: 'sent' }]);
    await relay.enqueue([job]);
    expect(await leaseAll(relay)).toEqual([]);
  });

  it('keeps a scheduled mail until its time', async () => {
    const relay = await open();
    const job = newJob({ notBefore: Date.now() + 300 });
    await relay.enqueue([job]);
    const early = await relay.lease(upTo(10));
    expect(early.jobs).toEqual([]);
    expect(early.againInMs).toBeGreaterThan(0);
    expect(early.againInMs).toBeLessThanOrEqual(300);
    const ids: string[] = [];
    while (ids.length === 0) ids.push(...(await leaseAll(relay)));
    expect(Date.now()).toBeGreaterThanOrEqual(job.notBefore!);
    expect(ids).toEqual([job.mail.id]);
  });

  it('calls for work that another process stored', async () => {
    const [producer, worker] = [await open({ role: 'producer' }), await open({ role: 'worker' })];
    const called = new Promise<void>((resolve) => {
      void worker.consume({ onWork: resolve });
    });
    // Its subscription is made in the background.
    while ((await redis.command('pubsub', 'channels')) === '');
    await producer.enqueue([newJob()]);
    await called;
    expect(await leaseAll(worker)).toHaveLength(1);
  });
});

describe('settle', () => {
  it('waits for a deferred mail, with its attempts and the recipients still open', async () => {
    const relay = await open();
    const job = newJob({ to: ['a@example.com', 'b@example.com'] });
    const { id } = job.mail;
    await relay.enqueue([job]);
    await leaseAll(relay);
    const open_ = ['b@example.com'];
    const deferred = {
      id,
      outcome: 'deferred',
      attempts: 3,
      unknowns: 0,
      failure: FAILURE,
    } as const;
    await relay.settle([{ ...deferred, delayMs: 200, open: open_ }]);
    expect(await relay.stats()).toMatchObject({ deferred: 1, leased: 0, scheduled: 0 });
    expect(await relay.list({ state: 'deferred' })).toMatchObject([
      {
        id,
        state: 'deferred',
        attempts: 3,
        unknowns: 0,
        failure: FAILURE,
        messageId: job.mail.messageId,
      },
    ]);
    let jobs: Awaited<ReturnType<BullRelay['lease']>>['jobs'] = [];
    while (jobs.length === 0) jobs = (await relay.lease(upTo(5))).jobs;
    expect(jobs[0]).toMatchObject({ attempts: 3, unknowns: 0, bornAt: job.queuedAt });
    expect(jobs[0]!.mail.envelope.to).toEqual(open_);
    expect(jobs[0]!.mail.to).toEqual(job.mail.to);
  });

  it('puts a deferred mail whose time has come before what came later', async () => {
    const relay = await open();
    const jobs = [newJob(), newJob(), newJob()];
    await relay.enqueue(jobs);
    const ids = await leaseAll(relay, 2);
    await relay.settle(
      ids.map((id) => ({
        id,
        outcome: 'deferred',
        attempts: 1,
        unknowns: 0,
        delayMs: 1,
        failure: FAILURE,
      })),
    );
    while ((await redis.command('pttl', 'none')) !== '-2' || (await early()) > 0);
    expect(await leaseAll(relay)).toEqual(jobs.map(({ mail }) => mail.id));

    async function early(): Promise<number> {
      const [, score] = (await redis.command('zrange', `${BASE}delayed`, '1', '1', 'withscores'))
        .split('\n')
        .map(Number);
      const [seconds] = (await redis.command('time')).split('\n').map(Number);
      return score! / 4096 / 1000 - seconds!;
    }
  });

  it('keeps dead mail: listed, shown, retried, discarded', async () => {
    const relay = await open();
    const jobs = [newJob(), newJob({ idempotencyKey: 'k' }), newJob({ priority: 'high' })];
    await relay.enqueue(jobs);
    const ids = await leaseAll(relay);
    const dead = {
      outcome: 'dead',
      reason: 'permanent',
      attempts: 2,
      unknowns: 0,
      failure: FAILURE,
    } as const;
    await relay.settle(ids.map((id) => ({ ...dead, id })));
    expect(await redis.command('zcard', `${BASE}dead`)).toBe('3');
    const listed = await relay.list();
    expect(new Set(listed.map(({ id }) => id))).toEqual(new Set(ids));
    expect(listed[0]).toMatchObject({
      state: 'dead',
      reason: 'permanent',
      attempts: 2,
      unknowns: 0,
    });
    const rest = await relay.list({ after: listed[0]!.id, limit: 1 });
    expect(rest).toEqual([listed[1]]);
    const keyed = jobs[1]!.mail;
    expect(await relay.show(keyed.id)).toMatchObject({ id: keyed.id, mail: keyed });
    expect(await relay.show('unknown')).toBeUndefined();
    expect(await relay.retry([keyed.id, 'unknown'])).toBe(1);
    const [again] = (await relay.lease(upTo(5))).jobs;
    expect(again).toMatchObject({ mail: keyed, attempts: 0, unknowns: 0 });
    expect(again!.bornAt).toBeGreaterThanOrEqual(jobs[1]!.queuedAt);
    expect(await relay.discard('all')).toBe(2);
    expect(await relay.stats()).toEqual({
      queued: 0,
      scheduled: 0,
      deferred: 0,
      leased: 1,
      dead: 0,
      sent: 0,
    });
  });

  it('changes nothing for an id that is settled or unknown', async () => {
    const relay = await open();
    const job = newJob();
    await relay.enqueue([job]);
    const [id] = await leaseAll(relay);
    await relay.settle([{ id: id!, outcome: 'sent' }]);
    const deferred = {
      id: id!,
      outcome: 'deferred',
      attempts: 1,
      unknowns: 0,
      delayMs: 1,
    } as const;
    await relay.settle([
      { ...deferred, failure: FAILURE },
      { id: 'no-such', outcome: 'sent' },
    ]);
    expect(await relay.stats()).toMatchObject({ deferred: 0, queued: 0, leased: 0, dead: 0 });
  });
});

describe('release and recovery', () => {
  it('gives leased mail back to its place, unlocked, one by one in any order', async () => {
    const [relay, other] = [await open(), await open()];
    const jobs = Array.from({ length: 6 }, () => newJob());
    await relay.enqueue(jobs);
    const ids = jobs.map(({ mail }) => mail.id);
    expect(await leaseAll(relay, 4)).toEqual(ids.slice(0, 4));
    const high = newJob({ priority: 'high' });
    await relay.enqueue([high]);
    await relay.release([ids[2]!]);
    await relay.release([ids[0]!, ids[3]!]);
    await relay.release([ids[1]!]);
    expect(await redis.command('keys', `${BASE}active:*`)).toBe('');
    const leased = await other.lease(upTo(10));
    expect(leased.jobs.map(({ mail }) => mail.id)).toEqual([high.mail.id, ...ids]);
    expect(leased.jobs.every(({ attempts }) => attempts === 0)).toBe(true);
  });

  it('renews a lease, also one that ran out and went to nobody', async () => {
    const [relay, other] = [await open(SHORT), await open(SHORT)];
    const job = newJob();
    const { id } = job.mail;
    await relay.enqueue([job]);
    await leaseAll(relay);
    await untilGivenBack(other);
    expect(await relay.heartbeat([id])).toEqual([id]);
    expect(await relay.stats()).toMatchObject({ queued: 0, leased: 1 });
    expect(await leaseAll(other)).toEqual([]);
  });

  it('takes nothing from a process that lives, however long it works on a mail', async () => {
    const [relay, other] = [await open(SHORT), await open(SHORT)];
    const job = newJob();
    await relay.enqueue([job]);
    await leaseAll(relay);
    for (let beat = 0; beat < 12; beat += 1) {
      await pause(300);
      expect(await relay.heartbeat([job.mail.id])).toEqual([job.mail.id]);
      expect(await leaseAll(other)).toEqual([]);
    }
  });

  it('takes over what a dead worker held, as often as workers die', async () => {
    const job = newJob();
    const { id } = job.mail;
    await (await open({ role: 'producer' })).enqueue([job]);
    expect(await leaseAll(await open(SHORT))).toEqual([id]);
    for (let death = 0; death < 2; death += 1) {
      expect(await untilLeased(await open(SHORT))).toEqual([id]);
    }
  });

  it('sets a mail aside that kills every worker', async () => {
    const job = newJob();
    const { id } = job.mail;
    const options = { ...SHORT, maxStalledCount: 1 };
    const first = await open(options);
    await first.enqueue([job]);
    expect(await leaseAll(first)).toEqual([id]);
    expect(await untilLeased(await open(options))).toEqual([id]);
    const last = await open(options);
    while ((await last.stats()).leased > 0) {
      expect(await leaseAll(last)).toEqual([]);
      await pause(100);
    }
    expect(await last.list()).toMatchObject([{ id, reason: 'held' }]);
    expect(await last.retry('all')).toBe(1);
    expect(await leaseAll(last)).toEqual([id]);
  });

  it('does not send again what was sent after its lease was lost', async () => {
    const [slow, other] = [await open(SHORT), await open(SHORT)];
    const job = newJob();
    const { id } = job.mail;
    await slow.enqueue([job]);
    await leaseAll(slow);
    await untilGivenBack(other);
    await slow.settle([{ id, outcome: 'sent' }]);
    expect(await leaseAll(other)).toEqual([]);
    expect(await other.stats()).toMatchObject({ queued: 0, leased: 0, dead: 0 });
  });

  it('does not send again what was sent while another held it', async () => {
    const [slow, other] = [await open(SHORT), await open(SHORT)];
    const job = newJob();
    const { id } = job.mail;
    await slow.enqueue([job]);
    await leaseAll(slow);
    expect(await untilLeased(other)).toEqual([id]);
    await slow.settle([{ id, outcome: 'sent' }]);
    expect(await other.heartbeat([id])).toEqual([]);
    const later = { id, outcome: 'deferred', delayMs: 1, attempts: 1, unknowns: 0 } as const;
    await other.settle([{ ...later, failure: FAILURE }]);
    const nothing = { queued: 0, scheduled: 0, deferred: 0, leased: 0, dead: 0 };
    expect(await other.stats()).toMatchObject(nothing);
    expect(await other.enqueue([job])).toEqual([{ status: 'stored' }]);
    expect(await other.stats()).toMatchObject(nothing);
  });

  it('leaves alone what it gave back, also when a heartbeat comes right after', async () => {
    const relay = await open();
    await relay.enqueue([newJob(), newJob()]);
    const { jobs } = await relay.lease(upTo(2));
    const ids = jobs.map(({ mail }) => mail.id);
    const [, ours] = await Promise.all([relay.release(ids), relay.heartbeat(ids)]);
    expect(ours).toEqual([]);
    expect(await relay.stats()).toMatchObject({ queued: 2, leased: 0 });
  });

  it('leaves a lease alone that another took over', async () => {
    const [slow, other] = [await open(SHORT), await open(SHORT)];
    const job = newJob();
    const { id } = job.mail;
    await slow.enqueue([job]);
    await leaseAll(slow);
    expect(await untilLeased(other)).toEqual([id]);
    const failed = { id, outcome: 'dead', reason: 'permanent', attempts: 1, unknowns: 0 } as const;
    expect(await slow.heartbeat([id])).toEqual([]);
    await slow.settle([{ ...failed, failure: FAILURE }]);
    await slow.release([id]);
    expect(await other.stats()).toMatchObject({ queued: 0, leased: 1, dead: 0 });
    await other.settle([{ id, outcome: 'sent' }]);
    expect(await other.stats()).toMatchObject({ leased: 0 });
  });
});

describe('hostile and damaged jobs', () => {
  it('sets aside what cannot be read; the rest flows', async () => {
    const relay = await open();
    const [first, bad, gone, alien, last] = Array.from({ length: 5 }, () => newJob());
    await relay.enqueue([first!, bad!, gone!, alien!, last!]);
    const key = (job: typeof bad) => `${BASE}job:${job!.mail.id}`;
    await redis.command('hset', key(bad), 'data', '{"v":1,"__proto__":{"x":1}');
    await redis.command('del', key(gone));
    const other = await redis.command('hget', key(first), 'data');
    await redis.command('hset', key(alien), 'data', other);
    const { jobs, unreadable } = await relay.lease(upTo(10));
    expect(jobs.map(({ mail }) => mail.id)).toEqual([first!.mail.id, last!.mail.id]);
    expect(unreadable.map(({ id }) => id)).toEqual([bad, gone, alien].map((job) => job!.mail.id));
    await relay.settle(unreadable.map((job) => burial(job, 1)));
    const dead = await relay.list();
    expect(dead).toHaveLength(3);
    expect(dead.every(({ reason }) => reason === 'corrupt')).toBe(true);
    expect(await relay.stats()).toMatchObject({ leased: 2, dead: 3 });
  });

  it('hands out the others beside one that it cannot read, and that one again', async () => {
    const relay = await open();
    const [bad, good] = [newJob(), newJob()];
    await relay.enqueue([bad, good]);
    await redis.command('hset', `${BASE}job:${bad.mail.id}`, 'data', '{');
    const { jobs, unreadable } = await relay.lease(upTo(10));
    expect(jobs).toMatchObject([{ mail: { id: good.mail.id } }]);
    expect(unreadable).toMatchObject([{ id: bad.mail.id }]);
    await relay.settle([{ id: good.mail.id, outcome: 'sent' }]);
    await relay.release([bad.mail.id]);
    const again = await relay.lease(upTo(10));
    expect(again.unreadable).toMatchObject([{ id: bad.mail.id }]);
    await relay.settle(again.unreadable.map((job) => burial(job, 1)));
    expect(await relay.stats()).toMatchObject({ queued: 0, leased: 0, dead: 1 });
  });

  it('refuses content by path on the way out', async () => {
    const relay = await open();
    const job = newJob();
    await relay.enqueue([job]);
    const key = `${BASE}job:${job.mail.id}`;
    const wire = JSON.parse(await redis.command('hget', key, 'data')) as { mail: object };
    const mail = { ...wire.mail, attachments: [{ filename: 'x', path: '/etc/passwd' }] };
    await redis.command('hset', key, 'data', JSON.stringify({ ...wire, mail }));
    const { jobs, unreadable } = await relay.lease(upTo(10));
    expect(jobs).toEqual([]);
    expect(unreadable).toHaveLength(1);
  });
});
