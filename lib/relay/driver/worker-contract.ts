import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers';
import { MailDeliveryError, MailRelayError, MailShutdownError } from '../../base/errors.js';
import { systemClock } from '../../base/clock.js';
import { EventBus } from '../../events/event-bus.js';
import type { Mail } from '../../message/mail.js';
import type { MailTransport } from '../../transports/transport.js';
import { UnrecordedError, type MailRelay, type Settlement } from '../relay.js';
import { RelayWorker } from '../worker/worker.js';
import { contractJob, contractMail } from './consumer.js';
import type { ContractRunner } from './contract.types.js';

/** How an attempt may end, and how the storage may fail to record that. */
const ENDS = ['accepted', 'unknown', 'refused for now', 'refused for good'] as const;
const FAULTS = ['none', 'not recorded', 'recorded, and not said so', 'some not recorded'] as const;
/** Settlements of each mail that fail. */
const FAILURES = 1;
/** A driver that needs longer is stuck, in milliseconds. */
const PATIENCE_MS = 25_000;

type End = (typeof ENDS)[number];
type Fault = (typeof FAULTS)[number];

/** The shared worker over the driver, through faults of its storage. */
export function workerContract(
  { it, expect }: ContractRunner,
  client: () => Promise<MailRelay>,
): void {
  it('is worked on so that no mail is sent again because its outcome was not recorded', async () => {
    const relay = await client();
    const cases = ENDS.flatMap((end) =>
      FAULTS.map((fault) => ({ end, fault, mail: contractMail() })),
    );
    const byId = new Map(cases.map((one) => [one.mail.id, one]));
    const taken = new Map<string, number>();
    failSettling(relay, (id) => byId.get(id)?.fault ?? 'none');
    const deliver = async ({ id, envelope }: Mail) => {
      const times = (taken.get(id) ?? 0) + 1;
      taken.set(id, times);
      const { end } = byId.get(id)!;
      // What was refused for now is taken the second time.
      if (end !== 'accepted' && (end !== 'refused for now' || times === 1)) throw errorOf(end);
      return { transport: 'contract', accepted: envelope.to, rejected: [], response: '250 ok' };
    };
    const nothing = () => Promise.resolve();
    const transport: MailTransport = {
      name: 'contract',
      deliver,
      verify: nothing,
      close: nothing,
      destroy: nothing,
    };
    const onUnknown = { attempts: 1, afterMs: 50 };
    const retry = { minBackoffMs: 10, maxBackoffMs: 20, lifetimeMs: 3_600_000, onUnknown };
    const worker = new RelayWorker({
      relay,
      transport,
      options: { role: 'both', concurrency: 4, retry },
      events: new EventBus(),
      clock: systemClock,
    });
    await relay.enqueue(cases.map(({ mail }) => contractJob(mail)));
    await worker.start();
    try {
      const dead = cases.filter(
        ({ end }) => end === 'unknown' || end === 'refused for good',
      ).length;
      const from = performance.now();
      while (performance.now() - from < PATIENCE_MS) {
        const { dead: now, queued, deferred, leased } = await relay.stats();
        if (now === dead && queued + deferred + leased === 0) break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } finally {
      await worker.drain(1_000, new MailShutdownError());
    }
    const times = cases.map(({ end, fault, mail }) => ({ end, fault, times: taken.get(mail.id) }));
    const once = (end: End) => end === 'accepted' || end === 'refused for good';
    expect(times).toEqual(times.map((one) => ({ ...one, times: once(one.end) ? 1 : 2 })));
    const held = (await relay.list()).filter(({ reason }) => reason === 'held');
    expect(held.map(({ unknowns }) => unknowns)).toEqual(FAULTS.map(() => 2));
  });
}

function failSettling(relay: MailRelay, faultOf: (id: string) => Fault): void {
  const settle = relay.settle.bind(relay);
  const failed = new Map<string, number>();
  relay.settle = async (settlements: readonly Settlement[]) => {
    const fault = settlements.map(({ id }) => faultOf(id)).find((one) => one !== 'none');
    const about = settlements.filter(({ id }) => fault !== undefined && faultOf(id) === fault);
    const again = about.filter(({ id }) => (failed.get(id) ?? 0) < FAILURES);
    if (again.length === 0) return settle(settlements);
    for (const { id } of again) failed.set(id, (failed.get(id) ?? 0) + 1);
    if (fault === 'recorded, and not said so') await settle(settlements);
    if (fault !== 'some not recorded') throw new MailRelayError('The storage failed, for a test');
    const ids = new Set(again.map(({ id }) => id));
    await settle(settlements.filter(({ id }) => !ids.has(id)));
    throw new UnrecordedError('Part of the storage failed, for a test', [...ids]);
  };
}

function errorOf(end: Exclude<End, 'accepted'>): MailDeliveryError {
  return new MailDeliveryError({
    code: end === 'unknown' ? 'MAIL_CONNECTION_LOST' : 'MAIL_CONTENT',
    disposition: (
      { unknown: 'unknown', 'refused for now': 'retry', 'refused for good': 'permanent' } as const
    )[end],
    fault: end === 'unknown' ? 'transport' : 'message',
    stage: 'reply',
    message: end,
    transport: 'contract',
  });
}
