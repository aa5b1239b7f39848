import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { MailShutdownError } from '../../../lib/base/errors.js';
import { EventBus } from '../../../lib/events/event-bus.js';
import type { Settlement } from '../../../lib/relay/relay.js';
import { RETRY_DEFAULTS } from '../../../lib/relay/retry-policy.js';
import { RelayWorker } from '../../../lib/relay/worker/worker.js';
import { MailTestClock } from '../../../lib/testing/test-clock.js';
import { testMail } from '../../fixtures/mail.js';
import { scriptedStorage } from '../../fixtures/scripted-storage.js';
import { fault, ScriptedTransport } from '../../fixtures/scripted-transport.js';

describe('what the log says of stored mail', () => {
  const lines: string[] = [];
  const told: string[] = [];

  beforeEach(() => {
    for (const level of ['log', 'warn', 'error'] as const) {
      jest
        .spyOn(Logger.prototype, level)
        .mockImplementation((text: unknown) => void lines.push(`${level}: ${String(text)}`));
    }
  });
  afterEach(() => {
    jest.restoreAllMocks();
    lines.length = 0;
    told.length = 0;
  });

  function begin(mails: number) {
    const stock = Array.from({ length: mails }, () => testMail());
    const ids = stock.map(({ id }) => id);
    const settled: Settlement[] = [];
    const clock = new MailTestClock();
    const relay = scriptedStorage(stock, {
      settle: async (settlements) => void settled.push(...settlements),
      lease: async ({ max }) => {
        const jobs = stock
          .splice(0, max)
          .map((mail) => ({ mail, attempts: 0, unknowns: 0, bornAt: clock.now() }));
        return { jobs, unreadable: [], againInMs: 100 };
      },
    });
    const transport = new ScriptedTransport();
    const events = new EventBus();
    events.events$.subscribe((event) => {
      if (event.type === 'stalled' || event.type === 'resumed') {
        told.push(`${event.type} ${event.doing}`);
      }
    });
    const options = { role: 'both', retry: RETRY_DEFAULTS } as const;
    const worker = new RelayWorker({ relay, transport, options, clock, events, random: () => 0.5 });
    const more = (count: number) => stock.push(...Array.from({ length: count }, () => testMail()));
    const stop = async () => {
      const drained = worker.drain(1_000, new MailShutdownError());
      await clock.advance(10_000);
      await drained;
    };
    return { worker, transport, clock, settled, ids, more, stop };
  }

  it('a transport that stays down is told once, again for another reason, and when it is back', async () => {
    const { worker, transport, clock, more, stop } = begin(3);
    const down = (smtpCode: number, message: string) =>
      fault({ code: 'MAIL_AUTH', smtpCode, message });
    let number = 0;
    transport.script = () => down(454, `454 come back later (${(number += 1)})`);
    transport.verify = () => Promise.reject(down(454, `454 come back later (${(number += 1)})`));
    await worker.start();
    await clock.advance(0);
    // It may be over in a moment: a server's 421 often is.
    expect({ lines, told }).toEqual({ lines: [], told: [] });
    await clock.advance(300_000);
    expect(number).toBeGreaterThan(3);
    expect(lines).toEqual(['error: Stored mail waits for its transport: 454 come back later (4)']);
    transport.verify = () => Promise.reject(down(535, '535 account closed'));
    await clock.advance(300_000);
    expect(lines.slice(1)).toEqual([
      'error: Stored mail waits for its transport: 535 account closed',
    ]);
    expect(told).toEqual(['stalled deliver', 'stalled deliver']);

    transport.verify = () => Promise.resolve();
    transport.script = new ScriptedTransport().script;
    more(1);
    await clock.advance(120_000);
    expect(transport.taken).toHaveLength(1);
    expect(lines.slice(2)).toEqual(['log: The transport is back']);
    expect(told.slice(2)).toEqual(['resumed deliver']);
    await stop();
  });

  it('a transport that says it is there and takes nothing is told, too', async () => {
    const { worker, transport, clock, more, stop } = begin(1);
    transport.script = () => fault({ code: 'MAIL_SERVICE', message: '421 not now' });
    await worker.start();
    for (let i = 0; i < 5; i += 1) {
      more(1);
      await clock.advance(60_000);
    }
    expect(transport.verified).toBeGreaterThan(1);
    expect(lines).toEqual(['error: Stored mail waits for its transport: 421 not now']);
    await stop();
  });

  it('a fault that passes is not told', async () => {
    const { worker, transport, clock, more, stop } = begin(1);
    transport.script = (mail) =>
      transport.asked.length === 1
        ? fault({ code: 'MAIL_SERVICE', message: '421 a moment' })
        : new ScriptedTransport().script(mail, 1);
    await worker.start();
    await clock.advance(0);
    more(1);
    await clock.advance(60_000);
    expect(transport.taken).toHaveLength(1);
    expect({ lines, told }).toEqual({ lines: [], told: [] });
    await stop();
  });

  it('one dead mail is told at once, those of the next minute together', async () => {
    const { worker, transport, clock, settled, ids, more, stop } = begin(3);
    transport.script = () =>
      fault({
        code: 'MAIL_RECIPIENTS',
        fault: 'message',
        disposition: 'permanent',
        message: '550 5.1.1 who?',
      });
    await worker.start();
    await clock.advance(30_000);
    expect(settled.map(({ outcome }) => outcome)).toEqual(['dead', 'dead', 'dead']);
    expect(lines).toEqual([`warn: Mail ${ids[0]!} is dead (permanent): 550 5.1.1 who?`]);
    await clock.advance(30_000);
    const last = `Mail ${ids[2]!} is dead (permanent): 550 5.1.1 who?`;
    expect(lines.slice(1)).toEqual([
      `warn: 2 more mails are dead; \`npx nestjs-mail-relay dead\` lists them. The last: ${last}`,
    ]);
    more(1);
    await clock.advance(1_000);
    expect(lines).toHaveLength(2);
    await stop();
    expect(lines.slice(2)).toEqual([
      expect.stringMatching(/^warn: Mail \S{36} is dead \(permanent\): 550 5\.1\.1 who\?$/),
    ]);
  });
});
