import { afterEach, describe, expect, it } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import type { AddressInfo } from 'node:net';
import { SmtpTransport } from '../../../lib/transports/smtp/smtp.transport.js';
import { mailTo, testMail } from '../../fixtures/mail.js';
import type { ScriptedReply, StepScript } from '../../fixtures/scripted-smtp-server.js';
import { failureOf, smtpTransports } from '../../fixtures/smtp-transports.js';

const transports = smtpTransports();
const ALL = ['PIPELINING', 'CHUNKING', 'ENHANCEDSTATUSCODES', '8BITMIME'];
const [A, B, C] = ['a@example.net', 'b@example.net', 'c@example.net'] as const;

/** A server whose replies after the content are those of `finals`, by recipient. */
function start(
  finals: Record<string, string | ScriptedReply> = {},
  more: Partial<Record<'rcpt' | 'data' | 'ehlo', StepScript>> = {},
  capabilities: readonly string[] = ALL,
) {
  const script = { final: ({ address }: { address: string }) => finals[address], ...more };
  return transports.start({ lmtp: true, capabilities, script }, { lmtp: true });
}

describe('LMTP', () => {
  it.each([[[]], [['PIPELINING']], [ALL]])('with %j delivers many mails', async (capabilities) => {
    const { server, transport } = await start({}, {}, [...capabilities, '8BITMIME']);
    const mails = Array.from({ length: 40 }, (_, i) => (i % 2 ? testMail() : mailTo(A, B, C)));
    const deliveries = await Promise.all(mails.map((mail) => transport.deliver(mail)));
    deliveries.forEach(({ accepted, rejected }, i) => {
      expect({ accepted, rejected }).toEqual({ accepted: mails[i]!.envelope.to, rejected: [] });
    });
    expect(server.messages).toHaveLength(20 + 20 * 3);
    expect(server.commands[0]).toMatch(/^LHLO /);
    expect(server.commands.join()).not.toMatch(/EHLO|HELO|BDAT/);
  });

  it('settles each recipient by its own reply', async () => {
    const { server, transport } = await start({
      [A]: '250 2.1.5 saved',
      [B]: '452 4.2.2 mailbox full',
      [C]: '550 5.7.1 not wanted',
    });
    const gone = 'gone@example.net';
    const delivery = await transport.deliver(mailTo(C, A, B));
    expect(delivery.accepted).toEqual([A]);
    expect(delivery.response).toBe('250 2.1.5 saved');
    expect(delivery.rejected).toMatchObject([
      { address: C, disposition: 'permanent', smtpCode: 550, enhancedCode: '5.7.1' },
      { address: B, disposition: 'retry', smtpCode: 452 },
    ]);
    // The connection goes on in step.
    expect((await transport.deliver(mailTo(gone, A))).accepted).toEqual([gone, A]);
    expect(server.connections).toHaveLength(1);
  });

  it('counts those that were refused before the content, too', async () => {
    const refused: StepScript = ({ address }) => (address === B ? '550 5.1.1 nobody' : undefined);
    const { server, transport } = await start({}, { rcpt: refused });
    const { accepted, rejected } = await transport.deliver(mailTo(A, B, C));
    expect(accepted).toEqual([A, C]);
    expect(rejected).toMatchObject([{ address: B, smtpCode: 550 }]);
    expect(server.messages).toHaveLength(2);
  });

  it('fails where none is accepted, for good only if so for all', async () => {
    const { transport } = await start({
      [A]: '550 5.7.1 no',
      [B]: '451 4.3.0 later',
      [C]: '550 no',
    });
    expect(await failureOf(transport.deliver(mailTo(A, B)))).toMatchObject({
      ...{ code: 'MAIL_RECIPIENTS', disposition: 'retry', fault: 'message' },
      rejected: [{ address: A }, { address: B }],
    });
    expect(await failureOf(transport.deliver(mailTo(A, C)))).toMatchObject({
      code: 'MAIL_RECIPIENTS',
      disposition: 'permanent',
    });
  });

  it.each<[string, ScriptedReply | string]>([
    ['lost', { drop: 'before' }],
    ['closed with 421', { text: '421 4.3.2 closing', drop: 'after' }],
  ])('does not know what became of the rest when the connection is %s', async (_, second) => {
    const { server, transport } = await start({ [B]: second });
    expect(await failureOf(transport.deliver(mailTo(A, B, C)))).toMatchObject({
      disposition: 'unknown',
      stage: 'reply',
    });
    // Nobody gets it twice.
    expect(server.messages.map(({ to }) => to)).not.toContainEqual([C]);
    expect(server.messages.filter(({ to }) => to[0] === A)).toHaveLength(1);
  });

  it('does not take 421 for one recipient as a word on the others', async () => {
    const { server, transport } = await start({ [A]: '421 4.3.2 closing', [B]: { drop: 'reset' } });
    expect(await failureOf(transport.deliver(mailTo(A, B)))).toMatchObject({
      disposition: 'unknown',
    });
    expect(server.messages.map(({ to }) => to)).toEqual([[B]]);
  });

  it('sends no content where a server asks for it though none is to get it', async () => {
    const { server, transport } = await start({}, { rcpt: '550 5.1.1 nobody', data: '354 go on' });
    expect(await failureOf(transport.deliver(mailTo(A)))).toMatchObject({
      code: 'MAIL_RECIPIENTS',
    });
    expect(server.transactions).toHaveLength(0);
  });

  it('does not speak SMTP to a server that knows no LHLO', async () => {
    const { server, transport } = await transports.start({ lmtp: false }, { lmtp: true });
    expect(await failureOf(transport.deliver(mailTo(A)))).toMatchObject({
      ...{ code: 'MAIL_SERVICE', disposition: 'retry', fault: 'transport', stage: 'ehlo' },
    });
    expect(server.commands.join()).not.toMatch(/EHLO|HELO /);
  });
});

describe('LMTP to the smtp-server package', () => {
  let stop: (() => void) | undefined;
  afterEach(() => {
    stop?.();
  });

  it('is answered for each recipient', async () => {
    const server = new SMTPServer({
      lmtp: true,
      authOptional: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      onData(stream, session, done) {
        stream.resume();
        stream.on('end', () => {
          const answers = session.envelope.rcptTo.map(({ address }) =>
            address === B ? Object.assign(new Error('full'), { responseCode: 452 }) : 'saved',
          );
          (done as (error: null, answers: unknown[]) => void)(null, answers);
        });
      },
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.server.address() as AddressInfo;
    stop = () => {
      server.close();
    };
    const transport = new SmtpTransport({ host: '127.0.0.1', port, lmtp: true });
    expect(transport.name).toBe(`lmtp:127.0.0.1:${port}`);
    const mails = Array.from({ length: 30 }, () => mailTo(A, B, C));
    for (const delivery of await Promise.all(mails.map((mail) => transport.deliver(mail)))) {
      expect(delivery.accepted).toEqual([A, C]);
      expect(delivery.rejected).toMatchObject([{ address: B, disposition: 'retry' }]);
    }
    await transport.close();
  });
});
