import { afterEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Clock } from '../../../lib/base/clock.js';
import { MailRelayError, MailShutdownError } from '../../../lib/base/errors.js';
import { EventBus } from '../../../lib/events/event-bus.js';
import type { MailRelay, Settlement } from '../../../lib/relay/relay.js';
import { RETRY_DEFAULTS } from '../../../lib/relay/retry-policy.js';
import { RelayWorker } from '../../../lib/relay/worker/worker.js';
import { MailTestClock } from '../../../lib/testing/test-clock.js';
import { testMail } from '../../fixtures/mail.js';
import { scriptedStorage } from '../../fixtures/scripted-storage.js';
import { fault, ScriptedTransport } from '../../fixtures/scripted-transport.js';

/** Knows what would keep the process alive. */
class WatchedClock extends MailTestClock {
  readonly alive = new Set<object>();

  override after(...[ms, fn, options]: Parameters<Clock['after']>): () => void {
    const timer = {};
    if (options?.keepAlive) this.alive.add(timer);
    const done = () => this.alive.delete(timer);
    const cancel = super.after(ms, () => {
      done();
      fn();
    });
    return () => {
      done();
      cancel();
    };
  }
}

const never = () => new Promise<never>(() => undefined);
const logging = Logger.prototype.error;
afterEach(() => {
  Logger.prototype.error = logging;
});

function workerOf(relay: MailRelay, transport: ScriptedTransport) {
  Logger.prototype.error = () => undefined;
  const clock = new WatchedClock();
  const options = { role: 'both', retry: { ...RETRY_DEFAULTS, lifetimeMs: 1e15 } } as const;
  const worker = new RelayWorker({ relay, transport, options, clock, events: new EventBus() });
  const drain = async () => {
    const drained = worker.drain(1_000, new MailShutdownError());
    await clock.advance(10_000);
    return drained;
  };
  return { clock, worker, drain };
}

describe('a worker that drained', () => {
  it('leaves a storage alone that never takes the outcomes', async () => {
    const asked: (readonly Settlement[])[] = [];
    const settle = async (settlements: readonly Settlement[]) => {
      asked.push(settlements);
      throw new MailRelayError('gone');
    };
    const relay = scriptedStorage([testMail()], { settle });
    const { clock, worker, drain } = workerOf(relay, new ScriptedTransport());
    await worker.start();
    await clock.advance(1_000);
    expect(asked.length).toBeGreaterThan(1);
    expect(await drain()).toMatchObject({ abandoned: [] });
    const times = asked.length;
    await clock.advance(60_000);
    expect(asked).toHaveLength(times);
    expect(clock.alive.size).toBe(0);
  });

  it('renews no lease, also when a heartbeat was on its way', async () => {
    let fail: (error: Error) => void = () => undefined;
    let beats = 0;
    const heartbeat = () => {
      beats += 1;
      return new Promise<never>((_, reject) => (fail = reject));
    };
    const relay = scriptedStorage([testMail()], { heartbeat });
    const beating = Object.assign(relay, { heartbeatMs: 100 });
    const transport = new ScriptedTransport();
    transport.script = () => 'hold';
    const { clock, worker, drain } = workerOf(beating, transport);
    await worker.start();
    await clock.advance(500);
    expect(beats).toBe(1);
    await drain();
    fail(new MailRelayError('gone'));
    await clock.advance(10_000);
    expect(beats).toBe(1);
    expect(clock.alive.size).toBe(0);
  });

  it('waits for no transport that does not answer whether it is there', async () => {
    const transport = new ScriptedTransport();
    transport.script = () => fault({});
    let stopped = false;
    transport.verify = (options?: { readonly signal?: AbortSignal }) => {
      options?.signal?.addEventListener('abort', () => (stopped = true));
      return never();
    };
    const { clock, worker, drain } = workerOf(scriptedStorage([testMail()]), transport);
    await worker.start();
    await clock.advance(5_000);
    await drain();
    expect(stopped).toBe(true);
    expect(clock.alive.size).toBe(0);
  });
});

it('a worker asks again where a transport throws instead of answering', async () => {
  const transport = new ScriptedTransport();
  const mail = testMail();
  transport.script = () => fault({});
  transport.verify = () => {
    transport.verified += 1;
    transport.script = (one) => ({
      transport: 'scripted',
      accepted: one.envelope.to,
      rejected: [],
      response: '250',
    });
    if (transport.verified === 1) throw new TypeError('no such method');
    return Promise.resolve();
  };
  const mails = [mail];
  const release = async () => void mails.push(mail);
  const { clock, worker, drain } = workerOf(scriptedStorage(mails, { release }), transport);
  await worker.start();
  await clock.advance(120_000);
  expect(transport.taken).toHaveLength(1);
  await drain();
});
