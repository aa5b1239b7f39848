import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { MailRelayError, MailShutdownError } from '../../../lib/base/errors.js';
import { EventBus } from '../../../lib/events/event-bus.js';
import type { MailEvent } from '../../../lib/events/mail-events.js';
import type { Mail } from '../../../lib/message/mail.js';
import {
  UnrecordedError,
  type LeasedJob,
  type MailRelay,
  type Settlement,
} from '../../../lib/relay/relay.js';
import { RETRY_DEFAULTS, type RetryPolicy } from '../../../lib/relay/retry-policy.js';
import { RelayWorker } from '../../../lib/relay/worker/worker.js';
import { MemoryJobs, MemoryRelay } from '../../../lib/testing/memory-relay.js';
import { MailTestClock } from '../../../lib/testing/test-clock.js';
import { testMail } from '../../fixtures/mail.js';
import { scriptedStorage } from '../../fixtures/scripted-storage.js';
import { accept, fault, ScriptedTransport } from '../../fixtures/scripted-transport.js';

const LEASE_MS = 30_000;
let lines: string[] = [];
const workers: { stop(): Promise<void> }[] = [];

beforeEach(() => {
  lines = [];
  for (const level of ['error', 'warn', 'log'] as const) {
    jest.spyOn(Logger.prototype, level).mockImplementation((line: unknown) => {
      lines.push(`${level}: ${String(line)}`);
    });
  }
});
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.stop();
  jest.restoreAllMocks();
});

/** A clock whose wall side may be set, and whose monotonic side may stand still, as in a machine that sleeps. */
class SleepyClock extends MailTestClock {
  private slept = 0;

  override now(): number {
    return super.now() + this.slept;
  }

  sleep(ms: number): void {
    this.slept += ms;
  }
}

function work(
  relay: MailRelay,
  transport: ScriptedTransport,
  { concurrency = 1, retry = {} }: { concurrency?: number; retry?: Partial<RetryPolicy> } = {},
  clock = new SleepyClock(),
) {
  const events = new EventBus();
  const told: MailEvent[] = [];
  events.events$.subscribe((event) => void told.push(event));
  const worker = new RelayWorker({
    relay,
    transport,
    options: { role: 'both', concurrency, retry: { ...RETRY_DEFAULTS, ...retry } },
    events,
    clock,
    random: () => 0.5,
  });
  let stopping: Promise<unknown> | undefined;
  const stop = async () => {
    stopping ??= worker.drain(100, new MailShutdownError());
    await clock.advance(20_000);
    await stopping;
  };
  workers.push({ stop });
  return { worker, clock, told, stop };
}

const jobOf = (mail: Mail, bornAt = 0): LeasedJob => ({ mail, attempts: 0, unknowns: 0, bornAt });

describe('a lease that may have run out', () => {
  /** Storage whose leases others may take over. */
  function storage(count: number) {
    const mails = Array.from({ length: count }, () => testMail());
    const lost = new Set<string>();
    let asked = 0;
    let given = false;
    const clock = new SleepyClock();
    const parts: Partial<MailRelay> = {
      lease: async ({ max }) => {
        const jobs = given ? [] : mails.slice(0, max).map((mail) => jobOf(mail, clock.now()));
        given = true;
        return { jobs, unreadable: [], validMs: LEASE_MS };
      },
      heartbeat: async (ids) => {
        asked += 1;
        return ids.filter((id) => !lost.has(id));
      },
    };
    return { relay: scriptedStorage([], parts), mails, lost, clock, asked: () => asked };
  }

  it.each([
    ['time has passed', (clock: SleepyClock) => clock.advance(LEASE_MS + 1)],
    ['the machine slept', async (clock: SleepyClock) => clock.sleep(3_600_000)],
  ])('is asked about once %s, and what others hold is let go of unsent', async (_, pass) => {
    const { relay, mails, lost, clock, asked } = storage(2);
    const transport = new ScriptedTransport();
    transport.script = (mail) => (mail === mails[0] ? 'hold' : accept(mail));
    const { worker } = work(relay, transport, {}, clock);
    await worker.start();
    await clock.advance(10);
    expect(transport.asked.map(({ id }) => id)).toEqual([mails[0]!.id]);
    lost.add(mails[1]!.id);
    await pass(clock);
    transport.letGo();
    await clock.advance(10);
    expect(asked()).toBe(1);
    expect(transport.asked.map(({ id }) => id)).toEqual([mails[0]!.id]);
  });

  it('is begun when the storage says that it is still ours', async () => {
    const { relay, mails, clock } = storage(2);
    const transport = new ScriptedTransport();
    transport.script = (mail) => (mail === mails[0] ? 'hold' : accept(mail));
    const { worker } = work(relay, transport, {}, clock);
    await worker.start();
    await clock.advance(10);
    clock.sleep(3_600_000);
    transport.letGo();
    await clock.advance(10);
    expect(transport.asked.map(({ id }) => id)).toEqual(mails.map(({ id }) => id));
  });

  it('is begun by nobody while the storage does not answer', async () => {
    const { relay, mails, clock } = storage(2);
    const transport = new ScriptedTransport();
    transport.script = (mail) => (mail === mails[0] ? 'hold' : accept(mail));
    let down = true;
    const heartbeat = relay.heartbeat.bind(relay);
    relay.heartbeat = (ids) => (down ? Promise.reject(new MailRelayError('gone')) : heartbeat(ids));
    const { worker } = work(relay, transport, {}, clock);
    await worker.start();
    await clock.advance(10);
    clock.sleep(3_600_000);
    transport.letGo();
    await clock.advance(60_000);
    expect(transport.asked).toHaveLength(1);
    down = false;
    await clock.advance(10_000);
    expect(transport.asked.map(({ id }) => id)).toEqual(mails.map(({ id }) => id));
  });
});

it('a job under way here is not begun again, however often a lease brings it', async () => {
  const mail = testMail();
  const clock = new SleepyClock();
  const relay = scriptedStorage([], {
    lease: async () => ({ jobs: [jobOf(mail, clock.now())], unreadable: [], againInMs: 50 }),
  });
  const transport = new ScriptedTransport();
  transport.script = () => 'hold';
  const { worker } = work(relay, transport, { concurrency: 5 }, clock);
  await worker.start();
  await clock.advance(5_000);
  expect(transport.asked).toHaveLength(1);
});

describe('an outcome that cannot be recorded', () => {
  it.each(['UnrecordedError', 'a rejection of the whole batch'])(
    'told by %s is tried again, told, and its mail not sent again; the others flow',
    async (kind) => {
      const clock = new SleepyClock();
      const jobs = new MemoryJobs(clock);
      const relay = new MemoryRelay(jobs);
      const mails = Array.from({ length: 40 }, () => testMail());
      await relay.enqueue(
        mails.map((mail) => ({ mail, queuedAt: clock.now(), priority: 'normal' as const })),
      );
      const poisoned = new Set(mails.filter((_, n) => n % 10 === 3).map(({ id }) => id));
      const settle = relay.settle.bind(relay);
      let mended = false;
      relay.settle = async (settlements: readonly Settlement[]) => {
        const bad = settlements.filter(({ id }) => !mended && poisoned.has(id));
        if (bad.length === 0) return settle(settlements);
        if (kind !== 'UnrecordedError') throw new MailRelayError('a page is damaged');
        await settle(settlements.filter((one) => !bad.includes(one)));
        throw new UnrecordedError(
          'a page is damaged',
          bad.map(({ id }) => id),
        );
      };
      const transport = new ScriptedTransport();
      const { worker, told } = work(relay, transport, { concurrency: 4 }, clock);
      await worker.start();
      for (let n = 0; n < 200; n += 1) {
        await clock.advance(1_000);
        // As when leases run out, again and again.
        for (const row of jobs.rows.values()) row.owner = undefined;
        jobs.changed(true);
      }
      const times = new Map<string, number>();
      for (const { id } of transport.asked) times.set(id, (times.get(id) ?? 0) + 1);
      expect([...times.values()].every((count) => count === 1)).toBe(true);
      expect(times.size).toBe(40);
      expect([...jobs.rows.keys()].sort()).toEqual([...poisoned].sort());
      expect(lines.filter((line) => line.includes('Outcomes are not recorded'))).toHaveLength(1);
      expect(told.filter(({ type }) => type === 'stalled')).toHaveLength(1);
      mended = true;
      for (let minute = 0; minute < 10; minute += 1) await clock.advance(60_000);
      expect(jobs.rows.size).toBe(0);
      expect(told.filter(({ type }) => type === 'resumed')).toHaveLength(1);
    },
  );

  it('is named when the process ends', async () => {
    const clock = new SleepyClock();
    const mail = testMail();
    const relay = scriptedStorage([mail], {
      settle: async ([one]) => {
        throw new UnrecordedError('a page is damaged', [one!.id]);
      },
    });
    const { worker, stop } = work(relay, new ScriptedTransport(), {}, clock);
    await worker.start();
    await clock.advance(100);
    await stop();
    expect(lines.some((line) => line.startsWith('error') && line.includes(mail.id))).toBe(true);
  });
});

describe('a job that cannot be read', () => {
  it('is read again after a while, and sent when that goes well', async () => {
    const clock = new SleepyClock();
    const mail = testMail();
    const released: string[] = [];
    let reads = 0;
    let free = true;
    const relay = scriptedStorage([], {
      lease: async () => {
        if (!free) return { jobs: [], unreadable: [], againInMs: 100 };
        free = false;
        reads += 1;
        return reads === 1
          ? { jobs: [], unreadable: [{ id: mail.id, problem: 'EIO' }], againInMs: 100 }
          : { jobs: [jobOf(mail, clock.now())], unreadable: [] };
      },
      release: async (ids) => {
        released.push(...ids);
        free = true;
      },
    });
    const transport = new ScriptedTransport();
    const { worker, told } = work(relay, transport, {}, clock);
    await worker.start();
    await clock.advance(500);
    expect(released).toEqual([]);
    await clock.advance(2_000);
    expect(released).toEqual([mail.id]);
    expect(transport.taken).toHaveLength(1);
    expect(told.filter(({ type }) => type === 'dead')).toEqual([]);
  });

  it('is set aside when it cannot be read twice', async () => {
    const clock = new SleepyClock();
    const { id } = testMail();
    const settled: Settlement[] = [];
    let free = true;
    const relay = scriptedStorage([], {
      lease: async () => {
        const unreadable = free ? [{ id, problem: 'not JSON' }] : [];
        free = false;
        return { jobs: [], unreadable, againInMs: 100 };
      },
      release: async () => void (free = true),
      settle: async (ends) => void settled.push(...ends),
    });
    const { worker, told } = work(relay, new ScriptedTransport(), {}, clock);
    await worker.start();
    await clock.advance(5_000);
    expect(settled).toMatchObject([{ id, outcome: 'dead', reason: 'corrupt' }]);
    expect(told).toMatchObject([
      { type: 'dead', id, reason: 'corrupt' },
      { type: 'failed', id },
    ]);
  });
});

it('what is none of ours is left alone and told once', async () => {
  const clock = new SleepyClock();
  const foreign = [{ id: '17', problem: 'it holds no mail' }];
  const relay = scriptedStorage([], {
    lease: async () => ({ jobs: [], unreadable: [], foreign, againInMs: 100 }),
  });
  const { worker } = work(relay, new ScriptedTransport(), {}, clock);
  await worker.start();
  await clock.advance(200_000);
  expect(lines.filter((line) => line.includes('17'))).toEqual([
    "warn: 17 in test is none of this package's (it holds no mail) and is left alone. Give the mailer a storage of its own",
  ]);
});

describe('what may have been accepted', () => {
  it.each([
    ['hold', { attempts: 0, afterMs: 300_000 }, 1],
    ['once', RETRY_DEFAULTS.onUnknown, 2],
    ['three times more', { attempts: 3, afterMs: 60_000 }, 4],
  ])('is bounded: %s', async (_, onUnknown, attempts) => {
    const clock = new SleepyClock();
    const jobs = new MemoryJobs(clock);
    const relay = new MemoryRelay(jobs);
    const mail = testMail();
    await relay.enqueue([{ mail, queuedAt: clock.now(), priority: 'normal' }]);
    const transport = new ScriptedTransport();
    const times: number[] = [];
    transport.script = () => {
      times.push(clock.monotonic());
      return fault({ code: 'MAIL_PROTOCOL', disposition: 'unknown', stage: 'response' });
    };
    const { worker, told } = work(relay, transport, { retry: { onUnknown } }, clock);
    await worker.start();
    for (let n = 0; n < 120; n += 1) await clock.advance(60_000);
    expect(times).toHaveLength(attempts);
    for (let n = 1; n < times.length; n += 1) {
      expect(times[n]! - times[n - 1]!).toBeGreaterThanOrEqual(onUnknown.afterMs);
    }
    expect(await relay.list()).toMatchObject([
      { id: mail.id, reason: 'held', attempts, unknowns: attempts },
    ]);
    expect(told.slice(-2)).toMatchObject([
      { type: 'dead', reason: 'held', unknowns: attempts },
      { type: 'failed' },
    ]);
    expect(lines.some((line) => line.includes(`Mail ${mail.id} is dead (held)`))).toBe(true);
  });
});

describe('a lifetime that ends while the transport is down', () => {
  it('makes a mail dead during the outage, and lets a younger one go out after it', async () => {
    const clock = new SleepyClock();
    const jobs = new MemoryJobs(clock);
    const relay = new MemoryRelay(jobs);
    const transport = new ScriptedTransport();
    transport.script = () => fault({ message: 'connect ECONNREFUSED' });
    transport.fault = fault({ message: 'connect ECONNREFUSED' });
    const store = async () => {
      const mail = testMail();
      await relay.enqueue([{ mail, queuedAt: clock.now(), priority: 'normal' }]);
      return mail;
    };
    const first = await store();
    const { worker, told } = work(relay, transport, { retry: { lifetimeMs: 600_000 } }, clock);
    await worker.start();
    await clock.advance(1_000);
    const never = await store();
    await clock.advance(400_000);
    const young = await store();
    await clock.advance(400_000);
    expect((await relay.list()).map(({ id, reason }) => [id, reason])).toEqual([
      [first.id, 'expired'],
      [never.id, 'expired'],
    ]);
    expect(told.filter(({ type }) => type === 'dead')).toMatchObject([
      { id: first.id, failure: { message: 'connect ECONNREFUSED' } },
      { id: never.id },
    ]);
    expect(transport.asked.map(({ id }) => id)).not.toContain(never.id);
    transport.script = (mail) => accept(mail);
    transport.fault = undefined;
    await clock.advance(120_000);
    expect(transport.taken.map(({ mail }) => mail.id)).toEqual([young.id]);
  });

  it('is no reason to give up a mail that was never tried, after a restart', async () => {
    const clock = new SleepyClock();
    const jobs = new MemoryJobs(clock);
    const relay = new MemoryRelay(jobs);
    const mail = testMail();
    await relay.enqueue([{ mail, queuedAt: clock.now() - 1e9, priority: 'normal' }]);
    const transport = new ScriptedTransport();
    const { worker } = work(relay, transport, { retry: { lifetimeMs: 0 } }, clock);
    await worker.start();
    await clock.advance(100);
    expect(transport.taken).toHaveLength(1);
  });
});

it('two workers of one mailer on one storage are refused in one process, and two mailers are not', async () => {
  const clock = new SleepyClock();
  const at = (identity: string) => Object.assign(scriptedStorage([]), { identity });
  const first = work(at('spool:/a'), new ScriptedTransport(), {}, clock);
  await first.worker.start();
  const second = work(at('spool:/a'), new ScriptedTransport(), {}, clock);
  await expect(second.worker.start()).rejects.toMatchObject({
    code: 'MAIL_CONFIG',
    option: 'name',
  });
  await work(at('spool:/b'), new ScriptedTransport(), {}, clock).worker.start();
  await first.stop();
  await expect(second.worker.start()).resolves.toBeUndefined();
});
