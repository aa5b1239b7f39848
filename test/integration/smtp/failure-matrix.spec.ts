import net from 'node:net';
import { describe, expect, it } from '@jest/globals';
import type { MailDeliveryError } from '../../../lib/base/errors.js';
import type { SmtpTransportOptions } from '../../../lib/transports/smtp/options/smtp.options.js';
import { testMail } from '../../fixtures/mail.js';
import type { ScriptedSmtpOptions, StepScript } from '../../fixtures/scripted-smtp-server.js';
import { failureOf, smtpTransports } from '../../fixtures/smtp-transports.js';

const transports = smtpTransports();

/** Long enough for any reply that comes, short for those that do not. */
const IMPATIENT = { greetingMs: 300, commandMs: 300, dataMs: 300, replyMs: 300 };
const DRIP: StepScript = { split: 'bytes', gapMs: 60 };
const BIG = 'A line of a large mail.\n'.repeat(300_000);

type Verdict = Partial<
  Pick<MailDeliveryError, 'code' | 'disposition' | 'fault' | 'stage' | 'smtpCode'>
>;

interface Row {
  readonly fault: string;
  readonly script: ScriptedSmtpOptions;
  readonly options?: Partial<SmtpTransportOptions>;
  readonly text?: string;
  readonly verdict: Verdict;
  /** Copies that the server took responsibility for. */
  readonly accepted?: number;
}

const transportFault = { disposition: 'retry', fault: 'transport' } as const;
const notNow = { disposition: 'retry', fault: 'message' } as const;
const never = { disposition: 'permanent', fault: 'message' } as const;
const maybe = { disposition: 'unknown', fault: 'transport', stage: 'reply' } as const;

const MODES = [
  { mode: 'PIPELINING', offered: ['PIPELINING'] },
  { mode: 'no extension', offered: [] },
];

function rows(capabilities: readonly string[]): Row[] {
  const at = (step: string, reply: StepScript) => ({ capabilities, script: { [step]: reply } });
  return [
    {
      fault: 'greeting 421',
      script: at('greeting', '421 4.3.2 come back later'),
      verdict: { ...transportFault, code: 'MAIL_SERVICE', stage: 'greeting', smtpCode: 421 },
    },
    {
      fault: 'greeting 554',
      script: at('greeting', '554 5.7.1 go away'),
      verdict: { ...transportFault, code: 'MAIL_SERVICE', stage: 'greeting', smtpCode: 554 },
    },
    {
      fault: 'closed without a greeting',
      script: at('greeting', { drop: 'before' }),
      verdict: { ...transportFault, code: 'MAIL_CONNECTION_LOST', stage: 'greeting' },
    },
    {
      fault: 'reset instead of a greeting',
      script: at('greeting', { drop: 'reset', delayMs: 50 }),
      verdict: { ...transportFault, code: 'MAIL_CONNECTION_LOST', stage: 'greeting' },
    },
    {
      fault: 'no greeting',
      script: at('greeting', { hang: true }),
      options: { timeouts: IMPATIENT },
      verdict: { ...transportFault, code: 'MAIL_TIMEOUT', stage: 'greeting' },
    },
    {
      fault: 'dripped greeting',
      script: at('greeting', DRIP),
      options: { timeouts: IMPATIENT },
      verdict: { ...transportFault, code: 'MAIL_TIMEOUT', stage: 'greeting' },
    },
    {
      fault: 'EHLO and HELO refused',
      script: { capabilities, script: { ehlo: '502 5.5.1 no', helo: '554 5.5.1 no' } },
      verdict: { ...transportFault, code: 'MAIL_SERVICE', stage: 'ehlo' },
    },
    {
      fault: 'EHLO 421',
      script: at('ehlo', '421 4.3.2 too busy'),
      verdict: { ...transportFault, code: 'MAIL_SERVICE', stage: 'ehlo', smtpCode: 421 },
    },
    {
      fault: 'lost at EHLO',
      script: at('ehlo', { drop: 'before' }),
      verdict: { ...transportFault, code: 'MAIL_CONNECTION_LOST', stage: 'ehlo' },
    },
    {
      fault: 'dripped EHLO reply',
      script: at('ehlo', DRIP),
      options: { timeouts: IMPATIENT },
      verdict: { ...transportFault, code: 'MAIL_TIMEOUT', stage: 'ehlo' },
    },
    {
      fault: 'a reply without end',
      script: at('ehlo', { raw: '250-again and again\r\n'.repeat(10_000) }),
      verdict: { ...transportFault, code: 'MAIL_PROTOCOL', stage: 'ehlo' },
    },

    {
      fault: 'MAIL 451',
      script: at('mail', '451 4.3.0 try later'),
      verdict: { ...notNow, code: 'MAIL_SENDER', stage: 'mail', smtpCode: 451 },
    },
    {
      fault: 'MAIL 550',
      script: at('mail', '550 5.7.1 sender refused'),
      verdict: { ...never, code: 'MAIL_SENDER', stage: 'mail', smtpCode: 550 },
    },
    {
      fault: 'MAIL 421',
      script: at('mail', '421 4.7.0 closing'),
      verdict: { ...transportFault, code: 'MAIL_SERVICE', stage: 'mail', smtpCode: 421 },
    },
    {
      fault: 'MAIL 530, authentication required',
      script: at('mail', '530 5.7.0 log in first'),
      verdict: { ...transportFault, code: 'MAIL_AUTH', stage: 'mail' },
    },
    {
      fault: 'MAIL answered 354',
      script: at('mail', '354 what?'),
      verdict: { ...transportFault, code: 'MAIL_PROTOCOL', stage: 'mail' },
    },
    {
      fault: 'lost at MAIL',
      script: at('mail', { drop: 'before' }),
      verdict: { ...transportFault, code: 'MAIL_CONNECTION_LOST', stage: 'mail' },
    },
    {
      fault: 'lost after MAIL',
      script: at('mail', { drop: 'after' }),
      verdict: { ...transportFault, code: 'MAIL_CONNECTION_LOST', stage: 'rcpt' },
    },
    {
      fault: 'no reply to MAIL',
      script: at('mail', { hang: true }),
      options: { timeouts: IMPATIENT },
      verdict: { ...transportFault, code: 'MAIL_TIMEOUT', stage: 'mail' },
    },
    {
      fault: 'dripped reply to MAIL',
      script: at('mail', DRIP),
      options: { timeouts: IMPATIENT },
      verdict: { ...transportFault, code: 'MAIL_TIMEOUT', stage: 'mail' },
    },

    {
      fault: 'RCPT 450',
      script: at('rcpt', '450 4.2.1 mailbox busy'),
      verdict: { ...notNow, code: 'MAIL_RECIPIENTS', stage: 'rcpt', smtpCode: 450 },
    },
    {
      fault: 'RCPT 550',
      script: at('rcpt', '550 5.1.1 no such user'),
      verdict: { ...never, code: 'MAIL_RECIPIENTS', stage: 'rcpt', smtpCode: 550 },
    },
    {
      fault: 'RCPT 421',
      script: at('rcpt', { text: '421 4.7.0 closing', drop: 'after' }),
      verdict: { ...transportFault, code: 'MAIL_SERVICE', smtpCode: 421 },
    },
    {
      fault: 'lost at RCPT',
      script: at('rcpt', { drop: 'before' }),
      verdict: { ...transportFault, code: 'MAIL_CONNECTION_LOST', stage: 'rcpt' },
    },
    {
      fault: 'no reply to RCPT',
      script: at('rcpt', { hang: true }),
      options: { timeouts: IMPATIENT },
      verdict: { ...transportFault, code: 'MAIL_TIMEOUT', stage: 'rcpt' },
    },

    {
      fault: 'DATA 451',
      script: at('data', '451 4.3.0 no'),
      verdict: { ...notNow, code: 'MAIL_CONTENT', stage: 'data', smtpCode: 451 },
    },
    {
      fault: 'DATA 554',
      script: at('data', '554 5.6.0 no'),
      verdict: { ...never, code: 'MAIL_CONTENT', stage: 'data', smtpCode: 554 },
    },
    {
      fault: 'DATA 421',
      script: at('data', '421 4.7.0 closing'),
      verdict: { ...transportFault, code: 'MAIL_SERVICE', stage: 'data' },
    },
    {
      fault: 'DATA answered 250',
      script: at('data', '250 2.0.0 fine'),
      verdict: { ...transportFault, code: 'MAIL_PROTOCOL', stage: 'data' },
    },
    {
      fault: 'lost at DATA',
      script: at('data', { drop: 'before' }),
      verdict: { ...transportFault, code: 'MAIL_CONNECTION_LOST', stage: 'data' },
    },
    {
      fault: 'no reply to DATA',
      script: at('data', { hang: true }),
      options: { timeouts: IMPATIENT },
      verdict: { ...transportFault, code: 'MAIL_TIMEOUT', stage: 'data' },
    },
    {
      fault: 'answered 250 along with the 354',
      script: at('data', { text: '354 go', inject: '250 2.0.0 queued\r\n' }),
      verdict: { ...transportFault, code: 'MAIL_PROTOCOL', stage: 'data' },
    },

    {
      fault: 'lost before the dot',
      script: { capabilities, content: { dropAfterBytes: 1000 } },
      text: BIG,
      verdict: { ...transportFault, code: 'MAIL_CONNECTION_LOST', stage: 'content' },
    },
    {
      fault: 'reset before the dot',
      script: { capabilities, content: { dropAfterBytes: 1000, reset: true } },
      text: BIG,
      verdict: { ...transportFault, code: 'MAIL_CONNECTION_LOST', stage: 'content' },
    },
    {
      fault: 'content not read',
      script: { capabilities, content: { hangAfterBytes: 1000 } },
      text: BIG,
      options: { timeouts: IMPATIENT },
      verdict: { ...transportFault, code: 'MAIL_TIMEOUT', stage: 'content' },
    },

    {
      fault: 'final reply 452',
      script: at('final', '452 4.3.1 disk full'),
      verdict: { ...notNow, code: 'MAIL_CONTENT', stage: 'reply', smtpCode: 452 },
    },
    {
      fault: 'final reply 554',
      script: at('final', '554 5.7.1 spam'),
      verdict: { ...never, code: 'MAIL_CONTENT', stage: 'reply', smtpCode: 554 },
    },
    {
      fault: 'final reply 421',
      script: at('final', { text: '421 4.3.0 closing', drop: 'after' }),
      // It says that the server closes, and nothing of the mail.
      verdict: { ...maybe, code: 'MAIL_SERVICE', smtpCode: 421 },
    },
    {
      fault: 'final reply 354',
      script: at('final', '354 go on'),
      verdict: { ...maybe, code: 'MAIL_PROTOCOL' },
    },
    {
      fault: 'lost after the dot',
      script: at('final', { drop: 'before' }),
      accepted: 1,
      verdict: { ...maybe, code: 'MAIL_CONNECTION_LOST' },
    },
    {
      fault: 'reset after the dot',
      script: at('final', { drop: 'reset' }),
      accepted: 1,
      verdict: { ...maybe, code: 'MAIL_CONNECTION_LOST' },
    },
    {
      fault: 'no final reply',
      script: at('final', { hang: true }),
      accepted: 1,
      options: { timeouts: IMPATIENT },
      verdict: { ...maybe, code: 'MAIL_TIMEOUT' },
    },
    {
      fault: 'dripped final reply',
      script: at('final', DRIP),
      accepted: 1,
      options: { timeouts: IMPATIENT },
      verdict: { ...maybe, code: 'MAIL_TIMEOUT' },
    },
  ];
}

describe.each(MODES)('a server that offers $mode', ({ offered }) => {
  it.each(rows(offered))('$fault', async ({ script, options, text, verdict, accepted = 0 }) => {
    const { server, transport } = await transports.start(script, options);
    const error = await failureOf(transport.deliver(testMail({ text: text ?? 'short' })));
    expect(error).toMatchObject({ ...verdict, transport: transport.name });
    expect(server.messages).toHaveLength(accepted);
    // What was surely not accepted is sent again at once, within a bound.
    expect(server.connections.length).toBeLessThanOrEqual(3);
  });

  it('settles each recipient when some are refused', async () => {
    const { server, transport } = await transports.start({
      capabilities: offered,
      script: {
        rcpt: ({ address }) =>
          ({ 'busy@example.net': '450 4.2.1 busy', 'gone@example.net': '550 5.1.1 gone' })[address],
      },
    });
    const to = ['busy@example.net', 'here@example.net', 'gone@example.net'];
    const delivery = await transport.deliver(testMail({ to }));
    expect(delivery.accepted).toEqual(['here@example.net']);
    expect(delivery.rejected).toEqual([
      {
        address: 'busy@example.net',
        disposition: 'retry',
        smtpCode: 450,
        enhancedCode: '4.2.1',
        response: '450 4.2.1 busy',
      },
      {
        address: 'gone@example.net',
        disposition: 'permanent',
        smtpCode: 550,
        enhancedCode: '5.1.1',
        response: '550 5.1.1 gone',
      },
    ]);
    expect(server.messages.map((message) => message.to)).toEqual([['here@example.net']]);
  });

  it('is retried when one of all refused recipients was only deferred', async () => {
    const { transport } = await transports.start({
      capabilities: offered,
      script: { rcpt: ({ count }) => (count === 1 ? '450 4.2.1 busy' : '550 5.1.1 gone') },
    });
    const error = await failureOf(transport.deliver(testMail({ to: ['a@x.net', 'b@x.net'] })));
    expect(error).toMatchObject({
      code: 'MAIL_RECIPIENTS',
      disposition: 'retry',
      fault: 'message',
    });
    expect(error.rejected.map(({ address, disposition }) => [address, disposition])).toEqual([
      ['a@x.net', 'retry'],
      ['b@x.net', 'permanent'],
    ]);
  });

  it('takes the next mail on the same connection after a refusal', async () => {
    const { server, transport } = await transports.start({
      capabilities: offered,
      script: { rcpt: ({ count }) => (count === 1 ? '550 5.1.1 gone' : undefined) },
    });
    await failureOf(transport.deliver(testMail()));
    await transport.deliver(testMail());
    expect(server.connections).toHaveLength(1);
    expect(server.messages).toHaveLength(1);
  });
});

describe('a reply that the end of the connection cuts short is no reply', () => {
  it.each([
    ['250 2.0.0 queu', 1],
    ['250', 1],
    ['554 5.7.1 spa', 0],
    ['421 4.3.0 clos', 0],
  ])('%s after the dot', async (raw, accepted) => {
    const { server, transport } = await transports.start({
      script: { final: { raw, drop: 'after' } },
    });
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      ...{ ...maybe, code: 'MAIL_CONNECTION_LOST', smtpCode: undefined },
    });
    expect(server.messages).toHaveLength(accepted);
  });

  it.each(['250 2.1.', '550 5.1.1 no suc'])('%s to RCPT', async (raw) => {
    const { transport } = await transports.start({ script: { rcpt: { raw, drop: 'after' } } });
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      ...{ ...transportFault, code: 'MAIL_CONNECTION_LOST', stage: 'rcpt' },
    });
  });
});

describe('the transport itself', () => {
  it('a name that does not resolve', async () => {
    const transport = transports.to({ host: 'no-such-host.invalid' });
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      ...{ code: 'MAIL_DNS', disposition: 'retry', fault: 'transport', stage: 'dns' },
      message: expect.stringMatching(/getaddrinfo \w+ no-such-host\.invalid/),
    });
  });

  it('a port that refuses', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as net.AddressInfo;
    await new Promise((resolve) => taken.close(resolve));
    const transport = transports.to({ host: '127.0.0.1', port });
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      ...{ code: 'MAIL_CONNECT', disposition: 'retry', fault: 'transport', stage: 'connect' },
      message: expect.stringContaining(`connect ECONNREFUSED 127.0.0.1:${port}`),
    });
  });

  it('all recipients refused and yet 354: a lone dot, never content, never success', async () => {
    const { server, transport } = await transports.start({
      script: { rcpt: '550 5.1.1 gone', data: '354 go on' },
    });
    const error = await failureOf(transport.deliver(testMail()));
    expect(error).toMatchObject({ code: 'MAIL_RECIPIENTS', disposition: 'permanent' });
    expect(server.connections[0]!.wireContents.map(String)).toEqual(['.\r\n']);
  });

  it('RSET refused: the connection is given up, not the mail', async () => {
    const { server, transport } = await transports.start({
      script: {
        rcpt: ({ count }) => (count === 1 ? '550 5.1.1 no' : undefined),
        rset: '502 5.5.1 no',
      },
    });
    await failureOf(transport.deliver(testMail()));
    await transport.deliver(testMail());
    await transport.deliver(testMail());
    expect(server.messages).toHaveLength(2);
    expect(server.connections).toHaveLength(2);
  });

  it('250 in the middle of the content is no acceptance', async () => {
    const { server, transport } = await transports.start({
      content: ({ connection }) => {
        setTimeout(() => {
          connection.write('250 2.0.0 queued\r\n');
        }, 50);
        return { hangAfterBytes: 1000 };
      },
    });
    expect(await failureOf(transport.deliver(testMail({ text: BIG })))).toMatchObject({
      ...{ code: 'MAIL_PROTOCOL', disposition: 'unknown', fault: 'transport' },
    });
    expect(server.messages).toHaveLength(0);
  });

  it('MAIL refused and yet 354: no content', async () => {
    const { server, transport } = await transports.start({
      script: { mail: '550 5.7.1 no', data: '354 go' },
    });
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({ code: 'MAIL_SENDER' });
    await server.until(() => server.openConnections === 0);
    expect(server.connections[0]!.receivedPlain.toString()).not.toContain('Subject');
  });

  it('a mail above SIZE is refused before it is sent', async () => {
    const { server, transport } = await transports.start({
      capabilities: ['PIPELINING', 'SIZE 500'],
    });
    const error = await failureOf(transport.deliver(testMail({ text: 'long '.repeat(200) })));
    expect(error).toMatchObject({ code: 'MAIL_CONTENT', disposition: 'permanent', stage: 'mail' });
    expect(server.commands).toEqual(['EHLO client.test']);
  });

  it('an address outside ASCII needs SMTPUTF8', async () => {
    const mail = testMail({ to: 'jörg@example.net' });
    const without = await transports.start({ capabilities: ['PIPELINING'] });
    const error = await failureOf(without.transport.deliver(mail));
    expect(error).toMatchObject({ code: 'MAIL_UNSUPPORTED', disposition: 'permanent' });
    expect(without.server.commands).toEqual(['EHLO client.test']);
    const with8 = await transports.start();
    await with8.transport.deliver(mail);
    expect(with8.server.messages).toMatchObject([{ to: ['jörg@example.net'] }]);
    expect(with8.server.messages[0]!.fromParameters).toContain('SMTPUTF8');
  });

  it('a mail that is to wait cannot go over SMTP', async () => {
    const { server, transport } = await transports.start();
    const sendAt = new Date(Date.now() + 60_000);
    expect(await failureOf(transport.deliver(testMail({ sendAt })))).toMatchObject({
      ...{ code: 'MAIL_UNSUPPORTED', disposition: 'permanent', fault: 'message', stage: 'queue' },
    });
    expect(server.connections).toHaveLength(0);
  });
});
