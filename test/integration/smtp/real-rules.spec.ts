import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { testMail } from '../../fixtures/mail.js';
import * as rules from '../../fixtures/scripted-smtp-rules.js';
import type { ScriptedSmtpOptions, SmtpStep } from '../../fixtures/scripted-smtp-server.js';
import { audit, deliverAll, verdicts } from '../../fixtures/smtp-audit.js';
import { failureOf, smtpTransports } from '../../fixtures/smtp-transports.js';
import { MODES } from './modes.js';

const transports = smtpTransports();
let told: string[];
beforeEach(() => {
  told = [];
  jest.spyOn(Logger.prototype, 'warn').mockImplementation((text: unknown) => {
    told.push(String(text));
  });
});
afterEach(() => {
  jest.restoreAllMocks();
});

const mails = (count: number) => Array.from({ length: count }, () => testMail());
const gone = (count: number) =>
  Array.from({ length: count }, (_, i) => testMail({ to: `gone-${i}@example.net` }));

/** Every `each`th to nobody, every seventh partly so. */
function mixed(count: number, each = 3) {
  return Array.from({ length: count }, (_, i) =>
    i % each === 0
      ? testMail({ to: `gone-${i}@example.net` })
      : i % 7 === 0
        ? testMail({ to: [`here-${i}@example.net`, `gone-${i}@example.net`] })
        : testMail(),
  );
}

const expected = (sent: ReturnType<typeof mixed>) =>
  sent.map(({ envelope }) =>
    envelope.to.every((address) => address.includes('gone')) ? 'permanent' : 'sent',
  );

describe.each<[string, () => ScriptedSmtpOptions]>([
  ['Haraka', () => rules.haraka()],
  ['Exim', () => rules.exim({ greeting: '220 mx.test ESMTP Exim 4.96 Sun, 29 Nov 2026' })],
  [
    'Exim with a limit of 7 mails',
    () => rules.exim({ mails: 7, greeting: '220 mx.test ESMTP Exim 4.96 Sun' }),
  ],
  ['Exim without CHUNKING', () => rules.exim({ capabilities: MODES.pipelining })],
  ['Exim without PIPELINING', () => rules.exim({ capabilities: MODES.lockstep })],
  ['OpenSMTPD', () => rules.openSmtpd({ mails: 10 })],
  ['OpenSMTPD, one mail a session', () => rules.openSmtpd({ mails: 1 })],
  ['Dovecot submission', () => rules.dovecotSubmission()],
])('%s, by its rules', (_, options) => {
  it.each([1, 3])('%i connections: every mail gets the verdict that it deserves', async (count) => {
    const { server, transport } = await transports.start(options(), {
      pool: { maxConnections: count },
    });
    const sent = mixed(200);
    const outcomes = await deliverAll(transport, sent);
    audit(server, outcomes);
    expect(verdicts(outcomes)).toEqual(expected(sent));
    // What was learned holds: nothing has to be learned again.
    const lessons = told.length;
    const more = mixed(60);
    const later = await deliverAll(transport, more);
    audit(server, later);
    expect(verdicts(later)).toEqual(expected(more));
    expect(told.length - lessons).toBeLessThanOrEqual(1);
    await transport.close();
  });
});

describe('503 to what stands behind content', () => {
  it('is learned once, told once, and nothing is sent behind content any more', async () => {
    const { server, transport } = await transports.start(rules.haraka(), {
      pool: { maxConnections: 1 },
    });
    expect(verdicts(await deliverAll(transport, mails(20)))).toEqual(Array(20).fill('sent'));
    expect(server.connections).toHaveLength(2);
    expect(told).toEqual([
      expect.stringMatching(
        /gets one mail at a time, nothing behind its content, .*"503 Bad sequence/,
      ),
    ]);
    // Still one write for the envelope: within one mail it is pipelined.
    const reads = server.connections[1]!.plainChunks.map(String);
    expect(reads.filter((read) => /^MAIL.*\r\nRCPT.*\r\nDATA\r\n$/.test(read))).toHaveLength(19);
    expect(reads.some((read) => /\r\n\.\r\n./.test(read))).toBe(false);
  });

  it.each(['chunking', 'pipelining'] as const)(
    'said to every pipelined MAIL (%s): one command at a time, and no mail is lost',
    async (mode) => {
      const { server, transport } = await transports.start(
        {
          capabilities: MODES[mode],
          script: {
            mail: ({ connection }) =>
              connection.pipelined > 0 ? '503 5.5.1 one at a time, please' : undefined,
          },
        },
        { pool: { maxConnections: 1 } },
      );
      const outcomes = await deliverAll(transport, mails(12));
      audit(server, outcomes);
      expect(verdicts(outcomes)).toEqual(Array(12).fill('sent'));
      expect(told.at(-1)).toContain('one command at a time');
    },
  );

  it('one command at a time: a fault of the transport, and never the last word', async () => {
    const { transport } = await transports.start({
      capabilities: MODES.lockstep,
      script: { mail: '503 5.5.1 AUTH first' },
    });
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      ...{ code: 'MAIL_PROTOCOL', disposition: 'retry', fault: 'transport', smtpCode: 503 },
    });
  });
});

describe('a server that counts RSET', () => {
  it('and says who it is: 100 refused mails in a row are 100 refusals', async () => {
    const { server, transport } = await transports.start(
      rules.exim({ greeting: '220 mx.test ESMTP Exim 4.96 Sun' }),
      { pool: { maxConnections: 2 } },
    );
    const outcomes = await deliverAll(transport, gone(100));
    expect(verdicts(outcomes)).toEqual(Array(100).fill('permanent'));
    // Replaced in time: it was never told to go.
    expect(server.connections.map(({ sent }) => sent).join('')).not.toContain('554');
  });

  it('and does not: answers that came before the refused RSET count, and it is learned', async () => {
    const { server, transport } = await transports.start(rules.exim(), {
      pool: { maxConnections: 1 },
    });
    const outcomes = await deliverAll(transport, gone(35));
    audit(server, outcomes);
    const first = server.connections[0]!.sent.split('550 5.1.1').length - 1;
    expect(first).toBeGreaterThan(10);
    expect(verdicts(outcomes).slice(0, first)).toEqual(Array(first).fill('permanent'));
    expect(verdicts(outcomes)).not.toContain('retry');
    const lost = outcomes.find(({ error }) => error?.disposition === 'unknown');
    expect(lost?.error?.message).toContain('RSET was refused: 554 Too many nonmail commands');
    expect(told).toEqual([
      expect.stringMatching(/connections replaced in time when it refuses mails/),
    ]);

    const later = [...gone(50), ...mixed(50)];
    const second = await deliverAll(transport, later);
    audit(server, second);
    expect(verdicts(second)).toEqual(expected(later));
  });
});

describe('a limit of mails a connection', () => {
  it('said with 421 and an open connection: what got its 250 stands, the rest goes elsewhere', async () => {
    const { server, transport } = await transports.start(rules.exim({ mails: 7 }), {
      pool: { maxConnections: 1 },
    });
    const outcomes = await deliverAll(transport, mails(300));
    audit(server, outcomes);
    expect(verdicts(outcomes)).toEqual(Array(300).fill('sent'));
    expect(server.messages).toHaveLength(300);
    // Two connections showed it; those after them were closed by us, before they were told to.
    expect(told).toEqual([expect.stringContaining('7 mails over a connection')]);
    const turnedAway = server.connections.filter(({ sent }) => sent.includes('421'));
    expect(turnedAway).toHaveLength(2);
  });

  it('said with 452: the connection is retired politely, the mail goes over a new one', async () => {
    const { server, transport } = await transports.start(rules.openSmtpd({ mails: 10 }), {
      pool: { maxConnections: 1 },
    });
    const outcomes = await deliverAll(transport, mails(95));
    audit(server, outcomes);
    expect(verdicts(outcomes)).toEqual(Array(95).fill('sent'));
    await transport.close();
    expect(server.connections.length).toBeLessThanOrEqual(11);
    await server.until(() => server.connections.every(({ quit }) => quit));
  });

  it('4yz to the first MAIL of a connection is the answer to that mail', async () => {
    const { server, transport } = await transports.start({
      capabilities: MODES.chunking,
      script: { mail: '452 4.3.1 no space' },
    });
    const outcomes = await deliverAll(transport, mails(3));
    expect(verdicts(outcomes)).toEqual(Array(3).fill('retry'));
    expect(server.connections.length).toBeLessThanOrEqual(3);
  });

  it('4yz to every MAIL from some moment on ends: each mail is told "later"', async () => {
    const { server, transport } = await transports.start(
      {
        capabilities: MODES.pipelining,
        script: { mail: ({ count }) => (count > 5 ? '450 4.7.1 too fast' : undefined) },
      },
      { pool: { maxConnections: 2 } },
    );
    const outcomes = await deliverAll(transport, mails(40));
    audit(server, outcomes);
    expect(verdicts(outcomes).filter((one) => one === 'sent')).toHaveLength(5);
    expect(verdicts(outcomes).filter((one) => one === 'retry')).toHaveLength(35);
    expect(server.connections.length).toBeLessThan(8);
  });
});

describe('421 in place of the reply to complete content', () => {
  const closing = { text: '421 4.3.2 Shutting down', drop: 'after' } as const;

  it.each([...Object.entries(MODES), ['LMTP', MODES.pipelining] as const])(
    'is no verdict (%s): the server may have stored the mail',
    async (name, capabilities) => {
      const lmtp = name === 'LMTP';
      const { server, transport } = await transports.start(
        { capabilities, lmtp, script: { final: closing } },
        { lmtp },
      );
      expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
        ...{ code: 'MAIL_SERVICE', disposition: 'unknown', fault: 'transport', stage: 'reply' },
        ...{ smtpCode: 421, response: '421 4.3.2 Shutting down' },
      });
      expect(server.connections).toHaveLength(1);
    },
  );

  it('with a code of policy it is one', async () => {
    const { transport } = await transports.start({
      script: { final: { text: '421 4.7.28 rate limited', drop: 'after' } },
    });
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      ...{ code: 'MAIL_SERVICE', disposition: 'retry', stage: 'reply', smtpCode: 421 },
    });
  });

  it('over LMTP leaves only its own mail open', async () => {
    const { transport } = await transports.start(
      {
        lmtp: true,
        capabilities: MODES.pipelining,
        script: { final: ({ count }) => (count === 2 ? closing : undefined) },
      },
      { lmtp: true, pool: { maxConnections: 1 } },
    );
    const outcomes = await deliverAll(transport, mails(4));
    expect(verdicts(outcomes)).toEqual(['sent', 'unknown', 'sent', 'sent']);
  });
});

describe('codes of the kind X.0.0', () => {
  it.each<[string, Partial<Record<SmtpStep, string>>]>([
    ['to RCPT behind 2.1.0 to MAIL', { mail: '250 2.1.0 ok', rcpt: '250 2.0.0 ok' }],
    ['to MAIL', { mail: '250 2.0.0 ok' }],
    ['to everything', { mail: '250 2.0.0 ok', rcpt: '250 2.0.0 ok', final: '250 2.0.0 ok' }],
  ])('%s are in step (RFC 3463 §3.1)', async (_, script) => {
    const { server, transport } = await transports.start({
      capabilities: MODES.chunking,
      script,
    });
    const outcomes = await deliverAll(transport, mails(12));
    audit(server, outcomes);
    expect(verdicts(outcomes)).toEqual(Array(12).fill('sent'));
    expect(told).toEqual([]);
  });
});
