import { afterEach, describe, expect, it } from '@jest/globals';
import type { Mail } from '../../lib/message/mail.js';
import type { SmtpPoolOptions } from '../../lib/transports/smtp/options/smtp.options.js';
import { SmtpTransport } from '../../lib/transports/smtp/smtp.transport.js';
import { testMail } from '../fixtures/mail.js';
import { deliverAll, type Outcome } from '../fixtures/smtp-audit.js';
import { mayRun } from './private-root.js';
import type { RealServer } from './real-server.js';
import { dovecotLmtp, dovecotSubmission } from './servers/dovecot.js';
import { exim } from './servers/exim.js';
import { haraka } from './servers/haraka.js';
import { openSmtpd } from './servers/opensmtpd.js';
import { aiosmtpd, postfix, smtpServer } from './servers/small.js';

const MAILS = Number(process.env['INTEROP_MAILS'] ?? 2_000);

let server: RealServer | undefined;
let transport: SmtpTransport | undefined;
afterEach(async () => {
  await transport?.destroy();
  await server?.stop();
  server = transport = undefined;
});

/** Every fifth mail to nobody, every seventh partly so. */
function mixed({ good, refused }: RealServer): Mail[] {
  return Array.from({ length: MAILS }, (_, i) => {
    if (i % 5 === 0) return testMail({ to: refused(i) });
    return testMail({ to: i % 7 === 0 ? [good(i), refused(i)] : good(i) });
  });
}

/** What callers were told agrees with what the server has stored. */
async function agree(from: RealServer, outcomes: readonly Outcome[]): Promise<void> {
  let copies = 0;
  for (const { delivery } of outcomes) copies += delivery?.accepted.length ?? 0;
  const store = await from.stored(copies);
  const faults: string[] = [];
  for (const { mail, delivery, error } of outcomes) {
    const there = store.get(mail.messageId) ?? [];
    for (const address of mail.envelope.to) {
      const times = there.filter((one) => one === address).length;
      const sent = delivery?.accepted.includes(address) === true;
      const maybe = error?.disposition === 'unknown' && times <= 1;
      if (times !== (sent ? 1 : 0) && !maybe) {
        faults.push(
          `${address}: told ${sent ? 'sent' : (error?.code ?? 'refused')}, is there ${times} times`,
        );
      }
    }
  }
  expect(faults).toEqual([]);
}

function told(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { delivery, error } of outcomes) {
    const what = error
      ? `${error.disposition} ${error.code}`
      : delivery!.rejected.length > 0
        ? 'partial'
        : 'sent';
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

function deserved(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < MAILS; i += 1) {
    const what = i % 5 === 0 ? 'permanent MAIL_RECIPIENTS' : i % 7 === 0 ? 'partial' : 'sent';
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

const SERVERS: [string, () => Promise<RealServer>, SmtpPoolOptions][] = [
  ['Haraka', haraka, {}],
  ['Exim', () => exim(), {}],
  ['Exim, 7 mails a connection', () => exim(['smtp_accept_max_per_connection = 7']), {}],
  ['Exim, no CHUNKING', () => exim(['chunking_advertise_hosts =']), {}],
  [
    'Exim that does not say its name',
    () => exim(['smtp_banner = mx.test ESMTP']),
    { maxInFlight: 5 },
  ],
  ['OpenSMTPD', openSmtpd, {}],
  ['Dovecot LMTP', dovecotLmtp, {}],
  ['Dovecot submission', async () => dovecotSubmission(await smtpServer()), {}],
  ['Postfix', postfix, {}],
  ['smtp-server', smtpServer, {}],
  ['aiosmtpd', aiosmtpd, {}],
];

(mayRun ? describe : describe.skip).each(SERVERS)('%s', (_, start, pool) => {
  it(`${MAILS} mails, refused recipients among them: receipts agree with its store`, async () => {
    server = await start();
    transport = new SmtpTransport({ ...server.options, pool });
    const began = performance.now();
    const outcomes = await deliverAll(transport, mixed(server));
    const seconds = (performance.now() - began) / 1_000;
    process.stdout.write(
      `  ${_}: ${Math.round(MAILS / seconds)} mails/s, ${JSON.stringify(told(outcomes))}\n`,
    );
    await transport.close();
    await agree(server, outcomes);
    expect(told(outcomes)).toEqual(deserved());
  });
});

(mayRun ? describe : describe.skip)('Dovecot LMTP, terminated amid its work', () => {
  it('what it has stored and not confirmed is unknown, and nothing else', async () => {
    const lmtp = (server = await dovecotLmtp());
    transport = new SmtpTransport({ ...lmtp.options, timeouts: { connectMs: 500 } });
    const mails = Array.from({ length: Math.min(MAILS, 600) }, (_, i) =>
      testMail({ to: lmtp.good(i) }),
    );
    const first = await deliverAll(transport, mails.slice(0, 20));
    const running = deliverAll(transport, mails.slice(20));
    setTimeout(() => lmtp.terminate?.(), 50);
    const outcomes = [...first, ...(await running)];
    await agree(lmtp, outcomes);
    const { sent = 0, ...others } = told(outcomes);
    expect(sent).toBeGreaterThan(0);
    for (const what of Object.keys(others)) expect(what).toMatch(/^(?:retry|unknown) /);
  });
});
