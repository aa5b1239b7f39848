import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { MailRelayError, MailShutdownError } from '../../../lib/base/errors.js';
import { EventBus } from '../../../lib/events/event-bus.js';
import { UnrecordedError, type MailRelay, type Settlement } from '../../../lib/relay/relay.js';
import { RETRY_DEFAULTS } from '../../../lib/relay/retry-policy.js';
import { RelayWorker } from '../../../lib/relay/worker/worker.js';
import { MemoryJobs, MemoryRelay } from '../../../lib/testing/memory-relay.js';
import { MailTestClock } from '../../../lib/testing/test-clock.js';
import fc from '../../fixtures/fast-check.js';
import { testMail } from '../../fixtures/mail.js';
import { accept, fault, ScriptedTransport } from '../../fixtures/scripted-transport.js';

const ENDS = ['accepted', 'partly', 'unknown', 'later', 'never', 'down', 'thrown'] as const;
const FAULTS = ['none', 'before', 'after', 'some'] as const;
type End = (typeof ENDS)[number];
type Fault = (typeof FAULTS)[number];

beforeEach(() => {
  for (const level of ['error', 'warn', 'log'] as const) {
    jest.spyOn(Logger.prototype, level).mockImplementation(() => undefined);
  }
});
afterEach(() => void jest.restoreAllMocks());

/** The memory relay with a fault for each call, in turn; then it works. */
function faulty(relay: MailRelay, faults: readonly Fault[]): MailRelay {
  const left = [...faults];
  const through = async <T>(work: () => Promise<T>, none: T): Promise<T> => {
    const next = left.shift() ?? 'none';
    if (next === 'none') return work();
    if (next === 'after') await work();
    if (next === 'some') return none;
    throw new MailRelayError('fault');
  };
  const { lease, settle, heartbeat, release } = relay;
  relay.lease = (request) =>
    through(() => lease.call(relay, request), { jobs: [], unreadable: [], againInMs: 100 });
  relay.heartbeat = (ids) => through(() => heartbeat.call(relay, ids), []);
  relay.release = (ids) => through(() => release.call(relay, ids), undefined);
  relay.settle = async (settlements: readonly Settlement[]) => {
    if (left[0] !== 'some') return through(() => settle.call(relay, settlements), undefined);
    left.shift();
    const lost = settlements.filter((_, n) => n % 2 === 0);
    await settle.call(
      relay,
      settlements.filter((_, n) => n % 2 === 1),
    );
    throw new UnrecordedError(
      'fault',
      lost.map(({ id }) => id),
    );
  };
  return relay;
}

function resultOf(end: End, mail: Parameters<typeof accept>[0]) {
  switch (end) {
    case 'accepted':
      return accept(mail);
    case 'partly': {
      const [first, ...others] = mail.envelope.to;
      const rejected = others.map((address) => {
        return { address, disposition: 'retry', response: '450 later' } as const;
      });
      return { ...accept(mail, [first!]), rejected };
    }
    case 'unknown':
      return fault({ code: 'MAIL_CONNECTION_LOST', disposition: 'unknown', stage: 'reply' });
    case 'later':
      return fault({ code: 'MAIL_CONTENT', fault: 'message', stage: 'reply' });
    case 'never':
      return fault({ code: 'MAIL_CONTENT', fault: 'message', disposition: 'permanent' });
    case 'down':
      return fault({});
    case 'thrown':
      return new TypeError('a transport of the user’s own');
  }
}

it('however attempts end and storage fails, nobody may get a mail more than twice, nor again what was accepted', async () => {
  const run = async (
    ends: readonly (readonly End[])[],
    faults: readonly Fault[],
    leaseEnds: readonly number[],
  ) => {
    const clock = new MailTestClock();
    const jobs = new MemoryJobs(clock);
    const relay = faulty(new MemoryRelay(jobs), faults);
    const mails = ends.map((_, n) => testMail({ to: [`a${n}@example.net`, `b${n}@example.net`] }));
    await relay.enqueue(
      mails.map((mail) => ({ mail, queuedAt: clock.now(), priority: 'normal' as const })),
    );
    const transport = new ScriptedTransport();
    /** By mail and recipient: how often it may have been accepted for it, and whether it surely was. */
    const mayHave = new Map<string, { times: number; surely: boolean; again: boolean }>();
    transport.script = (mail, attempt) => {
      const n = mails.findIndex(({ id }) => id === mail.id);
      const end = ends[n]![attempt - 1] ?? 'accepted';
      const result = resultOf(end, mail);
      const accepted = result instanceof Error ? [] : result.accepted;
      const unsure = end === 'unknown' || end === 'thrown';
      for (const address of mail.envelope.to) {
        const known = mayHave.get(address) ?? { times: 0, surely: false, again: false };
        if (known.surely) known.again = true;
        if (unsure || accepted.includes(address)) known.times += 1;
        if (accepted.includes(address)) known.surely = true;
        mayHave.set(address, known);
      }
      return result;
    };
    const retry = { ...RETRY_DEFAULTS, minBackoffMs: 1_000, maxBackoffMs: 5_000 };
    const worker = new RelayWorker({
      relay,
      transport,
      options: { role: 'both', concurrency: 3, retry },
      events: new EventBus(),
      clock,
      random: () => 0.5,
    });
    await worker.start();
    for (let second = 0; second < 900; second += 1) {
      await clock.advance(1_000);
      if (!leaseEnds.includes(second % 60)) continue;
      // Every lease ends, as after a pause, and all of it is to be had again.
      for (const row of jobs.rows.values()) row.owner = undefined;
      jobs.changed(true);
    }
    const drained = worker.drain(100, new MailShutdownError());
    await clock.advance(20_000);
    await drained;
    for (const [address, { times, again }] of mayHave) {
      expect({ address, often: times > 2, again }).toEqual({ address, often: false, again: false });
    }
    // None is lost: each is sent, or dead, or here.
    const gone = mails.filter(({ id }) => !jobs.rows.has(id));
    for (const { envelope } of gone) {
      // A recipient that was refused for good beside accepted ones is not among these ends.
      expect(envelope.to.every((address) => mayHave.get(address)?.surely)).toBe(true);
    }
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.constantFrom(...ENDS), { maxLength: 5 }), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.array(fc.constantFrom(...FAULTS), { maxLength: 40 }),
      fc.array(fc.integer({ min: 0, max: 59 }), { maxLength: 4 }),
      run,
    ),
    { numRuns: 40 },
  );
}, 120_000);
