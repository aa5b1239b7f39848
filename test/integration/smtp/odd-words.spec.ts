import { describe, expect, it } from '@jest/globals';
import { testMail, mailTo } from '../../fixtures/mail.js';
import { audit, deliverAll, verdicts } from '../../fixtures/smtp-audit.js';
import { failureOf, smtpTransports } from '../../fixtures/smtp-transports.js';
import { MODES } from './modes.js';

const transports = smtpTransports();
const ONE = { maxConnections: 1 } as const;
const mails = (count: number) => Array.from({ length: count }, () => testMail());

describe('a server whose enhanced codes are its own', () => {
  it('may answer RSET with 2.1.5, as Gmail does', async () => {
    const { server, transport } = await transports.start(
      { capabilities: MODES.chunking, script: { rset: '250 2.1.5 Flushed abc - gsmtp' } },
      { pool: ONE },
    );
    const told = await deliverAll(transport, mails(20));
    await transport.verify();
    audit(server, told);
    expect(verdicts(told)).toEqual(Array(20).fill('sent'));
    expect(server.connections).toHaveLength(1);
  });
});

describe('words that nobody asked for', () => {
  it.each([
    ['a farewell', '421 4.3.2 closing\r\n', 'MAIL_SERVICE'],
    ['another reply', '250 2.0.0 and more\r\n', 'MAIL_PROTOCOL'],
    ['nonsense', 'and more\r\n', 'MAIL_PROTOCOL'],
  ])(
    '%s behind the last reply of the opening: a transport at fault, at once',
    async (_, inject, code) => {
      const ehlo = { text: ['250-scripted.test', '250 PIPELINING'], inject };
      const { server, transport } = await transports.start({ script: { ehlo } });
      expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
        ...{ code, disposition: 'retry', fault: 'transport', stage: 'ehlo' },
      });
      await server.until(() => server.openConnections === 0);
      expect(server.commands).toEqual(['EHLO client.test']);
      await transport.close();
    },
  );

  it('421 behind a good reply is a farewell, and no reason to stop pipelining', async () => {
    const { server, transport } = await transports.start(
      {
        capabilities: MODES.pipelining,
        script: {
          data: ({ count }) =>
            count === 2
              ? { text: '354 go on', inject: '421 4.3.2 closing\r\n', drop: 'after' }
              : undefined,
        },
      },
      { pool: ONE },
    );
    const told = [
      ...(await deliverAll(transport, mails(1))),
      ...(await deliverAll(transport, mails(1))),
    ];
    audit(server, told);
    expect(verdicts(told)).toEqual(['sent', 'sent']);
    const reads = server.connections[1]!.plainChunks.map(String);
    expect(reads.some((read) => /^MAIL FROM.*\r\nRCPT TO.*\r\nDATA\r\n$/.test(read))).toBe(true);
  });
});

describe('a mail that was turned away with 421', () => {
  it('is sent again though the server was lost amid its other replies', async () => {
    const { server, transport } = await transports.start(
      {
        capabilities: MODES.chunking,
        script: {
          mail: ({ count }) => (count === 2 ? '421 4.7.0 too many' : undefined),
          bdat: { drop: 'before' },
        },
      },
      { pool: ONE },
    );
    const told = await deliverAll(transport, mails(2));
    audit(server, told);
    expect(verdicts(told)).toEqual(['sent', 'sent']);
  });

  it('is not sent again when it is aborted meanwhile', async () => {
    const { server, transport } = await transports.start(
      {
        capabilities: MODES.chunking,
        script: {
          mail: ({ count }) =>
            count === 2 ? '421 4.7.0 too many' : count === 3 ? { hang: true } : undefined,
        },
      },
      { pool: ONE },
    );
    const controller = new AbortController();
    const first = deliverAll(transport, mails(1));
    const turnedAway = failureOf(transport.deliver(testMail(), { signal: controller.signal }));
    const last = deliverAll(transport, mails(1));
    await server.until(
      () => server.commands.filter((line) => line.startsWith('MAIL')).length === 3,
    );
    expect(verdicts(await first)).toEqual(['sent']);
    controller.abort();
    expect(await turnedAway).toMatchObject({ code: 'MAIL_ABORTED', disposition: 'retry' });
    // Since its 421 the server has agreed to nothing: the mail behind was not taken either.
    expect(verdicts(await last)).toEqual(['sent']);
    expect(server.messages).toHaveLength(2);
  });
});

describe('a connection that we end because the server said farewell', () => {
  it('was lost, and not aborted by the caller', async () => {
    const { transport } = await transports.start(
      {
        lmtp: true,
        capabilities: MODES.pipelining,
        script: {
          final: ({ count }) => (count === 1 ? '421 4.3.2 closing' : { hang: true }),
        },
      },
      { lmtp: true },
    );
    expect(await failureOf(transport.deliver(mailTo('a@x.example', 'b@x.example')))).toMatchObject({
      ...{ code: 'MAIL_SERVICE', disposition: 'unknown', stage: 'reply' },
    });
  });
});
