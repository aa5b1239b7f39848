import { afterEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../lib/base/clock.js';
import { SmtpTransport } from '../../../lib/transports/smtp/smtp.transport.js';
import { testMail } from '../../fixtures/mail.js';
import {
  ScriptedSmtpServer,
  type ScriptedSmtpOptions,
} from '../../fixtures/scripted-smtp-server.js';
import { audit, deliverAll, verdicts } from '../../fixtures/smtp-audit.js';
import { failureOf } from '../../fixtures/smtp-transports.js';
import { MODES } from './modes.js';

let server: ScriptedSmtpServer;
let transport: SmtpTransport;
let ahead = 0;
/** The system's clock, moved ahead by hand. */
const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead };

afterEach(async () => {
  ahead = 0;
  await transport.destroy();
  await server.close();
});

async function start(options: ScriptedSmtpOptions, pool = {}): Promise<void> {
  server = await ScriptedSmtpServer.start({ capabilities: MODES.chunking, ...options });
  const where = { host: server.host, port: server.port };
  transport = new SmtpTransport(
    { ...where, pool: { maxConnections: 1, ...pool } },
    'transport',
    clock,
  );
}

function gate() {
  let open!: () => void;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
}

describe('mails that stream over one connection', () => {
  it('after a pause wait for a sign of life: an idle connection that is gone makes no mail unknown', async () => {
    await start({ script: { mail: ({ count }) => (count === 2 ? { drop: 'reset' } : undefined) } });
    const first = await deliverAll(transport, [testMail()]);
    ahead = 5_000;
    const later = await deliverAll(transport, [testMail(), testMail()]);
    audit(server, [...first, ...later]);
    expect(verdicts(later)).toEqual(['sent', 'sent']);
    expect(server.connections).toHaveLength(2);
  });

  it('are not disturbed when one of them is aborted after its content is complete', async () => {
    const held = gate();
    await start({
      script: { final: ({ count }) => (count === 1 ? { hold: held.promise } : undefined) },
    });
    const controller = new AbortController();
    const before = deliverAll(transport, [testMail(), testMail()]);
    const aborted = failureOf(transport.deliver(testMail(), { signal: controller.signal }));
    const after = deliverAll(transport, [testMail()]);
    await server.until(() => server.transactions.length === 1);
    controller.abort();
    expect(await aborted).toMatchObject({ code: 'MAIL_ABORTED', disposition: 'unknown' });
    held.open();
    const told = [...(await before), ...(await after)];
    audit(server, told);
    expect(verdicts(told)).toEqual(['sent', 'sent', 'sent']);
    expect(server.connections).toHaveLength(1);
  });

  it('get their verdicts when the one behind them is aborted amid its content, which never arrives', async () => {
    const held = gate();
    await start({
      script: { final: ({ count }) => (count === 1 ? { hold: held.promise } : undefined) },
    });
    const controller = new AbortController();
    const first = deliverAll(transport, [testMail()]);
    const large = testMail({ text: 'A line of a large mail.\n'.repeat(1_000_000) });
    const aborted = transport.deliver(large, { signal: controller.signal });
    const failure = failureOf(aborted);
    await server.until(() => server.transactions.length === 1);
    controller.abort();
    expect(await failure).toMatchObject({ disposition: 'retry', stage: 'content' });
    held.open();
    const told = await first;
    expect(verdicts(told)).toEqual(['sent']);
    await server.until(() => server.openConnections === 0);
    const next = await deliverAll(transport, [testMail()]);
    audit(server, [...told, ...next]);
    expect(verdicts(next)).toEqual(['sent']);
    expect(server.messages.some(({ content }) => content.includes(large.messageId))).toBe(false);
  });

  it('are at most maxInFlight, and go one by one when pipelining is off', async () => {
    const held = gate();
    await start({ script: { final: { hold: held.promise } } }, { maxInFlight: 3 });
    const sends = deliverAll(
      transport,
      Array.from({ length: 8 }, () => testMail()),
    );
    await server.until(() => server.transactions.length === 1);
    const mails = server.connections[0]!.receivedPlain.toString().match(/MAIL FROM/g);
    expect(mails).toHaveLength(3);
    held.open();
    expect(verdicts(await sends)).toEqual(Array(8).fill('sent'));
  });

  it('keep to the rate that was set', async () => {
    await start({}, { maxPerSecond: 100 });
    const begin = performance.now();
    const told = await deliverAll(
      transport,
      Array.from({ length: 30 }, () => testMail()),
    );
    expect(verdicts(told)).toEqual(Array(30).fill('sent'));
    // Ten at once, then one each 10 ms: twenty more cannot have taken less than 190 ms.
    expect(performance.now() - begin).toBeGreaterThan(180);
  });
});
