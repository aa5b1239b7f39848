import net from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MailRelayError } from '../../../lib/base/errors.js';
import type { BullRelay } from '../../../lib/relay/bull/bull.relay.js';
import { bullRelay } from '../../../lib/relay/bull/index.js';
import type { EnqueueOutcome } from '../../../lib/relay/relay.js';
import { mailTo } from '../../fixtures/mail.js';
import { RedisServer } from '../../fixtures/redis-server.js';
import { newJob, openRelay, type OpenRelay } from './helpers.js';
import { upTo } from '../../fixtures/leases.js';

const TIMEOUT_MS = 1_500;

let redis: RedisServer;
const opened: OpenRelay[] = [];
const strayRejections: unknown[] = [];
const onRejection = (reason: unknown) => strayRejections.push(reason);

beforeEach(async () => {
  redis = await RedisServer.reserve();
  strayRejections.length = 0;
  process.on('unhandledRejection', onRejection);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await redis.close();
  process.off('unhandledRejection', onRejection);
  expect(strayRejections).toEqual([]);
});

async function open(options: Parameters<typeof bullRelay>[0] = {}): Promise<BullRelay> {
  const definition = bullRelay({ redis: redis.url, timeoutMs: TIMEOUT_MS, ...options });
  const made = await openRelay(definition);
  opened.push(made);
  return made.relay;
}

/** The outcome, and that it came within the bound. */
async function outcomeOf(relay: BullRelay, job = newJob()): Promise<EnqueueOutcome> {
  const from = performance.now();
  const [outcome] = await relay.enqueue([job]);
  expect(performance.now() - from).toBeLessThan(TIMEOUT_MS + 1_000);
  return outcome!;
}

function failed(outcome: EnqueueOutcome): MailRelayError {
  if (outcome.status !== 'failed') throw new Error(`Expected a failure, got ${outcome.status}`);
  expect(outcome.error).toBeInstanceOf(MailRelayError);
  return outcome.error;
}

async function idsOf(relay: BullRelay): Promise<string[]> {
  return (await relay.lease(upTo(100))).jobs.map(({ mail }) => mail.id);
}

/** As a worker does: on a busy machine Redis may need longer than the bound to come back. */
async function untilDone<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MailRelayError)) throw error;
    }
  }
}

describe('Redis down', () => {
  it('at boot: the app starts, send fails within its bound, then everything flows', async () => {
    const relay = await open();
    const error = failed(await outcomeOf(relay));
    expect(error.disposition).toBe('retry');
    expect(error.message).toContain('nothing was stored');
    await expect(relay.lease(upTo(1))).rejects.toMatchObject({ code: 'MAIL_RELAY' });
    await redis.restart();
    const job = newJob();
    expect(await outcomeOf(relay, job)).toEqual({ status: 'stored' });
    expect(await idsOf(relay)).toEqual([job.mail.id]);
  });

  it('at boot and at the end: closes all the same', async () => {
    const relay = await open();
    const from = performance.now();
    await opened.pop()!.close();
    expect(performance.now() - from).toBeLessThan(4_000);
    await expect(relay.enqueue([newJob()])).rejects.toMatchObject({ code: 'MAIL_RELAY' });
  });

  it('gone while the client introduces itself: the connection is made anew', async () => {
    await redis.restart();
    let introduced = 0;
    const proxy = net.createServer((from) => {
      from.on('error', () => undefined);
      from.once('data', (first: Buffer) => {
        introduced += 1;
        if (introduced <= 2) return from.resetAndDestroy();
        const to = net.connect(redis.port, '127.0.0.1');
        to.on('error', () => undefined).on('close', () => from.destroy());
        to.write(first);
        return from.pipe(to).pipe(from);
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as net.AddressInfo;
    try {
      // With a name there is something to say first, whatever else is left out.
      const relay = await open({ redis: { port, host: '127.0.0.1', connectionName: 'mail' } });
      const outcomes: EnqueueOutcome['status'][] = [];
      do outcomes.push((await outcomeOf(relay)).status);
      while (outcomes.at(-1) !== 'stored' && outcomes.length < 5);
      expect(outcomes.at(-1)).toBe('stored');
      expect(introduced).toBeGreaterThan(2);
    } finally {
      await opened.pop()!.close();
      proxy.close();
    }
  });

  it('for a moment: a send waits for it', async () => {
    await redis.restart();
    const relay = await open({ timeoutMs: 10_000 });
    await outcomeOf(relay);
    await redis.kill();
    const sending = relay.enqueue([newJob(), newJob()]);
    await redis.restart();
    expect(await sending).toEqual([{ status: 'stored' }, { status: 'stored' }]);
    expect((await relay.stats()).queued).toBe(3);
  });

  it('under load: what was acknowledged is there, what was not is not claimed', async () => {
    await redis.restart();
    const [relay, worker] = [await open(), await open()];
    const stored = new Set<string>();
    const unknown = new Set<string>();
    const refused = new Set<string>();
    let sending = true;
    const senders = Array.from({ length: 20 }, async () => {
      while (sending) {
        const job = newJob();
        const [outcome] = await relay.enqueue([job]);
        if (outcome!.status === 'stored') stored.add(job.mail.id);
        else if (failed(outcome!).disposition === 'unknown') unknown.add(job.mail.id);
        else refused.add(job.mail.id);
      }
    });
    for (let kill = 0; kill < 3; kill += 1) {
      const before = stored.size;
      while (stored.size < before + 200) await new Promise((go) => setTimeout(go, 5));
      await redis.kill();
      await redis.restart();
    }
    sending = false;
    await Promise.all(senders);
    const there: string[] = [];
    for (let ids = await idsOf(worker); ids.length > 0; ids = await idsOf(worker)) {
      there.push(...ids);
      await worker.settle(ids.map((id) => ({ id, outcome: 'sent' })));
    }
    expect(there.length).toBe(new Set(there).size);
    const found = new Set(there);
    expect([...stored].filter((id) => !found.has(id))).toEqual([]);
    expect(there.filter((id) => !stored.has(id) && !unknown.has(id))).toEqual([]);
    expect(there.filter((id) => refused.has(id))).toEqual([]);
  });

  it('while it hangs: unknown, and safe to repeat with the same key', async () => {
    await redis.restart();
    const relay = await open();
    await outcomeOf(relay);
    redis.hang();
    const lost = newJob({ idempotencyKey: 'order-1' });
    const error = failed(await outcomeOf(relay, lost));
    expect(error.disposition).toBe('unknown');
    expect(error.message).toContain('idempotencyKey');
    redis.goOn();
    const again = newJob({ idempotencyKey: 'order-1' });
    const outcome = await outcomeOf(relay, again);
    const ids = await idsOf(relay);
    const landed = ids.includes(lost.mail.id);
    // One of the two, whichever Redis took, and the answer says which.
    expect(ids.filter((id) => id === lost.mail.id || id === again.mail.id)).toHaveLength(1);
    if (landed) expect(outcome).toMatchObject({ status: 'duplicate', id: lost.mail.id });
    else expect(outcome).toEqual({ status: 'stored' });
  });

  it('gone before it answered: unknown, and not written again behind the back of the caller', async () => {
    await redis.restart();
    const relay = await open();
    const first = newJob();
    await outcomeOf(relay, first);
    redis.hang();
    const sending = outcomeOf(relay);
    await new Promise((go) => setTimeout(go, 100));
    await redis.kill();
    expect(failed(await sending).disposition).toBe('unknown');
    await redis.restart();
    const last = newJob();
    expect(await outcomeOf(relay, last)).toEqual({ status: 'stored' });
    expect(await idsOf(relay)).toEqual([first.mail.id, last.mail.id]);
  });

  it('keeps the outcome of a mail until Redis takes it, and gives back what it never told of', async () => {
    await redis.restart();
    const relay = await open();
    const jobs = [newJob(), newJob()];
    await relay.enqueue(jobs);
    const [first] = (await relay.lease(upTo(1))).jobs;
    await redis.kill();
    const settling = untilDone(() => relay.settle([{ id: first!.mail.id, outcome: 'sent' }]));
    await redis.restart();
    await settling;
    expect(await relay.stats()).toMatchObject({ queued: 1, leased: 0 });

    // A lease that Redis does, and whose answer is lost.
    redis.hang();
    const leasing = relay.lease(upTo(1));
    await expect(leasing).rejects.toMatchObject({ disposition: 'unknown' });
    redis.goOn();
    expect(await untilDone(() => idsOf(relay))).toEqual([jobs[1]!.mail.id]);
  });

  it('a worker that only listens is called again after Redis was away', async () => {
    await redis.restart();
    const [producer, worker] = [await open({ role: 'producer' }), await open({ role: 'worker' })];
    let called: () => void = () => undefined;
    await worker.consume({ onWork: () => called() });
    while ((await redis.command('pubsub', 'channels')) === '');
    await redis.kill();
    await redis.restart();
    while ((await redis.command('pubsub', 'channels')) === '');
    const calls = new Promise<void>((resolve) => (called = resolve));
    await outcomeOf(producer);
    await calls;
    expect(await idsOf(worker)).toHaveLength(1);
  });
});

describe('Redis full', () => {
  it('refuses at the door, one by one and many at once; delivery goes on and makes room', async () => {
    await redis.restart();
    const relay = await open();
    const jobs = Array.from({ length: 20 }, () => newJob());
    await relay.enqueue(jobs);
    await redis.limitMemory(1);
    const error = failed(await outcomeOf(relay));
    expect(error).toMatchObject({ disposition: 'retry' });
    expect(error.message).toContain('OOM');
    const many = await relay.enqueue([newJob(), newJob({ idempotencyKey: 'k' }), newJob()]);
    expect(many.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);

    // Everything that a worker does.
    const ids = await idsOf(relay);
    expect(ids).toHaveLength(20);
    await relay.heartbeat(ids);
    await relay.release(ids.slice(0, 5));
    expect(await idsOf(relay)).toEqual(ids.slice(0, 5));
    const failure = { code: 'MAIL_SERVICE', disposition: 'retry', message: 'no', at: 1 } as const;
    const ends = ids.map((id, n) =>
      n < 18
        ? ({ id, outcome: 'sent' } as const)
        : n === 18
          ? ({
              id,
              outcome: 'dead',
              reason: 'permanent',
              attempts: 1,
              unknowns: 0,
              failure,
            } as const)
          : ({ id, outcome: 'deferred', delayMs: 1, attempts: 1, unknowns: 0, failure } as const),
    );
    await relay.settle(ends);
    let deferred: string[] = [];
    while (deferred.length === 0) deferred = await idsOf(relay);
    expect(deferred).toEqual([ids[19]]);
    expect(await relay.stats()).toMatchObject({ queued: 0, leased: 1, dead: 1 });

    await redis.limitMemory();
    expect(await outcomeOf(relay)).toEqual({ status: 'stored' });
  });

  it('says nothing of the mail and no password in its errors', async () => {
    await redis.restart();
    await redis.command('config', 'set', 'requirepass', 'hush-hush');
    const denying = { port: redis.port, password: 'wrong-secret' };
    const locked = await openRelay(bullRelay({ redis: denying, timeoutMs: 300 }));
    opened.push(locked);
    const secret = newJob({ mail: mailTo('very-private@example.net') });
    const denied = inspect(failed(await outcomeOf(locked.relay, secret)), { depth: 9 });
    const relay = await open({ redis: `redis://:hush-hush@127.0.0.1:${redis.port}` });
    await outcomeOf(relay);
    const auth = ['-a', 'hush-hush', '--no-auth-warning'];
    await redis.command(...auth, 'config', 'set', 'maxmemory', '1');
    const full = inspect(failed(await outcomeOf(relay, secret)), { depth: 9 });
    for (const text of [denied, full]) {
      expect(text).toContain('MailRelayError');
      expect(text).toContain('nothing was stored');
      expect(text).not.toMatch(/very-private|wrong-secret|hush-hush/);
    }
  });
});
