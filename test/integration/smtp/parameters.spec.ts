import { describe, expect, it } from '@jest/globals';
import { parseMail } from '../../../lib/message/mail-json.js';
import { testCertificates } from '../../fixtures/certificates.js';
import { testMail } from '../../fixtures/mail.js';
import { failureOf, smtpTransports } from '../../fixtures/smtp-transports.js';

const transports = smtpTransports();
const TLS = testCertificates();
const BASE = ['8BITMIME', 'SMTPUTF8'];
const SHARING = [...BASE, 'PIPELINING', 'CHUNKING'];

describe('delivery reports', () => {
  const to = ['a+b=c@example.net', '"j doe"@example.net', 'jörg@example.net'];

  it.each([[BASE], [[...BASE, 'PIPELINING']], [SHARING]])(
    'are asked for where %j stand beside DSN',
    async (capabilities) => {
      const { server, transport } = await transports.start({
        capabilities: [...capabilities, 'DSN'],
      });
      const dsn = { id: 'a b+c=d', return: 'headers', notify: ['success', 'delay'] } as const;
      const mail = testMail({ to, dsn });
      // The same again out of a queue.
      await transport.deliver(parseMail(JSON.stringify(mail)));
      const [message] = server.messages;
      expect(message?.to).toEqual(to);
      expect(message?.fromParameters).toMatch(/\bRET=HDRS ENVID=a\+20b\+2Bc\+3Dd$/);
      expect(server.commands.filter((line) => line.startsWith('RCPT'))).toEqual([
        `RCPT TO:<${to[0]!}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb+3Dc@example.net`,
        `RCPT TO:<${to[1]!}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;"j+20doe"@example.net`,
        `RCPT TO:<${to[2]!}> NOTIFY=SUCCESS,DELAY`,
      ]);
    },
  );

  it('are not spoken of where nobody asks', async () => {
    const { server, transport } = await transports.start({ capabilities: [...SHARING, 'DSN'] });
    await transport.deliver(testMail({ to: 'a@example.net' }));
    expect(server.commands.join('\n')).not.toMatch(/RET|ENVID|NOTIFY|ORCPT/);
  });

  it('need not name all three', async () => {
    const { server, transport } = await transports.start({ capabilities: [...BASE, 'DSN'] });
    await transport.deliver(testMail({ to: 'a@example.net', dsn: { notify: 'never' } }));
    await transport.deliver(testMail({ to: 'b@example.net', dsn: { return: 'full' } }));
    expect(server.messages.map(({ fromParameters }) => fromParameters)).toEqual([
      expect.not.stringMatching(/RET|ENVID/),
      expect.stringMatching(/\bRET=FULL$/),
    ]);
    expect(server.commands.filter((line) => line.startsWith('RCPT'))).toEqual([
      'RCPT TO:<a@example.net> NOTIFY=NEVER ORCPT=rfc822;a@example.net',
      'RCPT TO:<b@example.net> ORCPT=rfc822;b@example.net',
    ]);
  });

  it('refuse a mail before it is sent where the server offers none; others go on', async () => {
    const { server, transport } = await transports.start({ capabilities: SHARING });
    const [refused, other] = await Promise.all([
      failureOf(transport.deliver(testMail({ dsn: { notify: 'failure' } }))),
      transport.deliver(testMail()),
    ]);
    expect(refused).toMatchObject({
      code: 'MAIL_UNSUPPORTED',
      ...{ disposition: 'permanent', fault: 'message', stage: 'mail' },
      message: expect.stringContaining('DSN'),
    });
    expect(other.accepted).toHaveLength(1);
    expect(server.transactions).toHaveLength(1);
  });
});

describe('REQUIRETLS', () => {
  const mail = () => testMail({ requireTLSExtensionEnabled: true });
  const trusted = { tls: { ca: TLS.ca } };

  it.each([
    ['STARTTLS', false],
    ['TLS from the first byte', true],
  ])('is asked for over %s', async (_, secure) => {
    const capabilities = [...SHARING, 'REQUIRETLS'];
    const { server, transport } = await transports.start(
      { capabilities, tls: TLS.good, secure },
      { ...trusted, secure },
    );
    await transport.deliver(mail());
    await transport.deliver(testMail());
    expect(server.messages.map(({ fromParameters }) => fromParameters)).toEqual([
      expect.stringMatching(/\bREQUIRETLS$/),
      expect.not.stringContaining('REQUIRETLS'),
    ]);
  });

  it.each([
    ['does not offer it', SHARING, { tls: TLS.good }, trusted],
    ['has no TLS', [...SHARING, 'REQUIRETLS'], {}, {}],
    [
      'has a certificate that is not checked',
      [...SHARING, 'REQUIRETLS'],
      { tls: TLS.good },
      { tls: { rejectUnauthorized: false } },
    ],
  ])('refuses a mail before it is sent where the server %s', async (_, capabilities, keys, tls) => {
    const { server, transport } = await transports.start({ capabilities, ...keys }, tls);
    expect(await failureOf(transport.deliver(mail()))).toMatchObject({
      code: 'MAIL_UNSUPPORTED',
      ...{ disposition: 'permanent', fault: 'message', stage: 'mail', enhancedCode: '5.7.30' },
    });
    await transport.deliver(testMail());
    expect(server.commands.filter((line) => line.startsWith('MAIL'))).toHaveLength(1);
  });
});
