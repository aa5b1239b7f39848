import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { bullRelay } from '../../../lib/relay/bull/index.js';
import { jobIdOf } from '../../../lib/relay/bull/job-hash.js';
import type { BullRelay } from '../../../lib/relay/bull/bull.relay.js';
import { describeDurability, risksOf } from '../../../lib/relay/redis/redis-report.js';
import { upTo } from '../../fixtures/leases.js';
import { RedisServer } from '../../fixtures/redis-server.js';
import { FAILURE, newJob, openRelay, type OpenRelay } from './helpers.js';

const BASE = 'bull:nestjs-mail-relay:mails:';
const DUMP = fileURLToPath(new URL('../../fixtures/stored/0.1.0/dump.rdb', import.meta.url));

let redis: RedisServer | undefined;
const opened: OpenRelay[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await redis?.close();
  redis = undefined;
});

type Options = Parameters<typeof bullRelay>[0];

async function open(server: RedisServer, options: Options = {}): Promise<BullRelay> {
  const made = await openRelay(bullRelay({ redis: server.url, ...options }));
  opened.push(made);
  return made.relay;
}

const pause = (ms: number) => new Promise((go) => setTimeout(go, ms));
const idsOf = async (relay: BullRelay, max = 100) =>
  (await relay.lease(upTo(max))).jobs.map(({ mail }) => mail.id);

describe('what release 0.1.0 stored in the queue `mail`', () => {
  const messageIds = (jobs: readonly { readonly mail: { readonly messageId: string } }[]) =>
    jobs.map(({ mail }) => mail.messageId);

  it('is taken over: sent in its order, what waits and what is dead as it was, its keys answer', async () => {
    redis = await RedisServer.restore(DUMP);
    const remembered = jobIdOf(newJob({ idempotencyKey: 'long sent' }));
    const sent = ['name', 'sent-id', 'relay:messageId', '<long-sent@example.com>'];
    await redis.command('hset', `bull:mail:${remembered}`, ...sent);
    const failedAt = await redis.command('zrange', 'bull:mail:failed', '0', '-1', 'withscores');
    const relay = await open(redis);

    // Before anything is moved, and after it.
    for (const moved of [false, true]) {
      const keys = ['key-queued', 'key-deferred', 'key-partial', 'key-held', 'long sent'];
      const outcomes = await relay.enqueue(keys.map((key) => newJob({ idempotencyKey: key })));
      expect(
        outcomes.map((outcome) => 'messageId' in outcome && [outcome.status, outcome.messageId]),
      ).toEqual([
        ['duplicate', '<queued@example.com>'],
        ['duplicate', '<deferred@example.com>'],
        ['duplicate', '<partial@example.com>'],
        ['duplicate', '<held@example.com>'],
        ['duplicate', '<long-sent@example.com>'],
      ]);
      if (moved) break;
      // High, normal by the order of their first lease, low; what was deferred then is due by now.
      expect(messageIds((await relay.lease(upTo(100))).jobs)).toEqual([
        '<queued@example.com>',
        '<deferred@example.com>',
        '<partial@example.com>',
        '<low@example.com>',
      ]);
    }
    expect(await relay.stats()).toEqual({
      queued: 0,
      scheduled: 1,
      deferred: 0,
      leased: 4,
      dead: 2,
      sent: 0,
    });
    const [later] = await relay.list({ state: 'scheduled' });
    expect(later).toMatchObject({ messageId: '<scheduled@example.com>', dueAt: 4_070_908_800_000 });
    const dead = await relay.list();
    expect(dead.map(({ messageId, reason }) => [messageId, reason]).sort()).toEqual([
      ['<held@example.com>', 'held'],
      ['<refused@example.com>', 'permanent'],
    ]);
    expect(await redis.command('zrange', `${BASE}dead`, '0', '-1', 'withscores')).toBe(failedAt);
    // Nothing is left for a worker of that release.
    for (const place of ['wait', 'relay:high', 'relay:low', 'active', 'delayed', 'failed']) {
      expect(await redis.command('exists', `bull:mail:${place}`)).toBe('0');
    }
  });
});

describe('a user of Redis with few rights', () => {
  const user = async (...rules: string[]) => {
    await redis!.command('acl', 'setuser', 'app', 'reset', 'on', '>pw', ...rules);
    return { redis: `redis://app:pw@127.0.0.1:${redis!.port}`, timeoutMs: 1_000 };
  };

  it('without channels: stores and says so, and its mail is found all the same', async () => {
    redis = await RedisServer.start();
    const relay = await open(redis, await user('~*', '+@all', 'resetchannels'));
    const job = newJob({ idempotencyKey: 'k' });
    expect(await relay.enqueue([job])).toEqual([{ status: 'stored' }]);
    expect(await idsOf(relay)).toEqual([job.mail.id]);
  });

  it('without a command: refused at boot, in Redis’s own words', async () => {
    redis = await RedisServer.start();
    const options = await user('~*', '&*', '+@all', '-lpush');
    await expect(open(redis, options)).rejects.toMatchObject({
      code: 'MAIL_CONFIG',
      option: 'relay.redis',
      message: expect.stringMatching(
        /LPUSH: .*The user executing the script can't run this command/,
      ),
    });
  });

  it('a store that broke off half-way leaves nothing that answers for its key', async () => {
    redis = await RedisServer.start();
    const relay = await open(redis);
    await redis.command('set', `${BASE}line:normal:`, 'no list');
    const [outcome] = await relay.enqueue([newJob({ idempotencyKey: 'k' })]);
    expect(outcome).toMatchObject({ status: 'failed', error: { disposition: 'retry' } });
    await redis.command('del', `${BASE}line:normal:`);
    const again = newJob({ idempotencyKey: 'k' });
    expect(await relay.enqueue([again])).toEqual([{ status: 'stored' }]);
    expect(await idsOf(relay)).toEqual([again.mail.id]);
  });
});

it('records what it can of a batch, and names the rest', async () => {
  redis = await RedisServer.start();
  const relay = await open(redis);
  await relay.enqueue([newJob(), newJob()]);
  const [first, second] = await idsOf(relay);
  await redis.command('set', `${BASE}job:${first}`, 'no hash');
  const settling = relay.settle([first!, second!].map((id) => ({ id, outcome: 'sent' })));
  await expect(settling).rejects.toMatchObject({ ids: [first] });
  expect(await redis.command('hget', `${BASE}job:${second}`, 'data')).toBe('');
});

it('no step of Redis’s clock ends a lease: nothing of it expires', async () => {
  redis = await RedisServer.start();
  const relay = await open(redis);
  await relay.enqueue([newJob(), newJob({ idempotencyKey: 'k' })]);
  const ids = await idsOf(relay);
  await relay.heartbeat(ids);
  const keys = (await redis.command('keys', `${BASE}*`)).split('\n');
  expect(keys.some((key) => key.includes(':active:'))).toBe(true);
  for (const key of keys) expect([key, await redis.command('pttl', key)]).toEqual([key, '-1']);
});

it('20,000 deferred mails due together are leased without holding Redis up', async () => {
  redis = await RedisServer.start({ appendfsync: 'no' });
  const relay = await open(redis);
  const ids: string[] = [];
  for (let n = 0; n < 20; n += 1) {
    await relay.enqueue(Array.from({ length: 1_000 }, () => newJob()));
    ids.push(...(await idsOf(relay, 1_000)));
    await relay.settle(
      ids.slice(-1_000).map((id) => {
        const end = { id, outcome: 'deferred', delayMs: 1, attempts: 1, unknowns: 0 } as const;
        return { ...end, failure: FAILURE };
      }),
    );
  }
  // Commands and work, not time: a busy machine is slow in everything. Each of a list's pops was one.
  const calls = async () =>
    Number(/total_commands_processed:(\d+)/.exec(await redis!.command('info', 'stats'))?.[1]);
  const before = await calls();
  // What Redis itself works, in milliseconds: for so long nobody else is answered.
  const worked = async () => {
    const info = await redis!.command('info', 'cpu');
    const of = (name: string) => Number(new RegExp(`used_cpu_${name}:(\\S+)`).exec(info)?.[1]);
    return (of('user') + of('sys')) * 1_000;
  };
  const workedBefore = await worked();
  let leases = 0;
  const got: string[] = [];
  for (; got.length < 20_000; leases += 1) got.push(...(await idsOf(relay, 500)));
  const each = ((await worked()) - workedBefore) / leases;
  expect(new Set(got).size).toBe(20_000);
  expect((await calls()) - before).toBeLessThan(20_000 * 20);
  process.stdout.write(`Redis works ${each.toFixed(1)} ms for a lease of 500 of 20,000 due\n`);
  // With lists it was 2.4 s each, and PING waited as long.
  expect(each).toBeLessThan(50);
}, 120_000);

it('counts 100,000 scheduled mails in few round trips', async () => {
  redis = await RedisServer.start({ appendfsync: 'no' });
  const relay = await open(redis);
  const script = `for i = 1, 100000 do
    redis.call('zadd', KEYS[1] .. 'delayed', 9e15, i)
    redis.call('hset', KEYS[1] .. 'job:' .. i, 'relay:class', 'normal') end`;
  await redis.command('eval', script, '1', BASE);
  const calls = async () =>
    Number(/total_commands_processed:(\d+)/.exec(await redis!.command('info', 'stats'))?.[1]);
  const before = await calls();
  expect(await relay.stats()).toMatchObject({ scheduled: 100_000, deferred: 0 });
  // Commands of a script are counted, too: the one that looks at each, and those that bring a page.
  expect((await calls()) - before).toBeLessThan(101_000);
});

describe('the connection', () => {
  it('connects with `lazyConnect`', async () => {
    redis = await RedisServer.start();
    const relay = await open(redis, { redis: { port: redis.port, lazyConnect: true } });
    expect(await relay.enqueue([newJob()])).toEqual([{ status: 'stored' }]);
  });

  it.each([
    ['redis://:pa%ss@localhost', '%25'],
    ['redis://:pa#ss@localhost', '%23'],
    ['redis://user:12#34@localhost', '%23'],
    ['redis://:pa/ss@localhost', '%2F'],
    ['redis://:pa?ss@localhost', '%3F'],
  ])('names what is not encoded in %s, and no password', (url, says) => {
    const make = () => bullRelay({ redis: url });
    expect(make).toThrow(expect.objectContaining({ code: 'MAIL_CONFIG', option: 'relay.redis' }));
    expect(make).toThrow(says);
    expect(make).not.toThrow(/pa.ss|12#34/);
  });

  it('names the prefix that a Redis Cluster needs, and works with it', async () => {
    redis = await RedisServer.start({ 'cluster-enabled': 'yes' });
    await redis.command('cluster', 'addslotsrange', '0', '16383');
    while (!(await redis.command('cluster', 'info')).includes('cluster_state:ok')) await pause(50);
    await expect(open(redis)).rejects.toThrow("'{mail}'");
    const relay = await open(redis, { prefix: '{mail}' });
    const job = newJob();
    expect(await relay.enqueue([job])).toEqual([{ status: 'stored' }]);
    expect(await idsOf(relay)).toEqual([job.mail.id]);
  });

  it('shows no password to whoever prints the relay', async () => {
    redis = await RedisServer.start({ requirepass: 'hush-hush' });
    const relay = await open(redis, { redis: `redis://:hush-hush@127.0.0.1:${redis.port}` });
    await relay.enqueue([newJob()]);
    expect(inspect(relay, { depth: 9, showHidden: true })).not.toContain('hush-hush');
    expect(JSON.stringify(relay)).not.toContain('hush-hush');
  });
});

describe('what Redis says of how it keeps mail', () => {
  it.each([
    [{ appendfsync: 'off', snapshots: false, replicas: 0 }, /neither .* appendonly yes/],
    [{ appendfsync: 'off', snapshots: true, replicas: 0 }, /last snapshot/],
    [{ appendfsync: 'always', replicas: 0, eviction: 'allkeys-lru' }, /allkeys-lru.*noeviction/],
    [{ appendfsync: 'always', replicas: 1, minReplicas: 0 }, /failover.*min-replicas-to-write/],
  ] as const)('%j', (durability, says) => {
    expect(risksOf(durability)).toEqual([expect.stringMatching(says)]);
  });

  it('nothing to warn of', () => {
    const best = { appendfsync: 'always', replicas: 1, minReplicas: 1, eviction: 'noeviction' } as const; // prettier-ignore
    expect(risksOf(best)).toEqual([]);
    expect(describeDurability(best)).toContain('appendfsync always');
  });
});
