import { describe, expect, it } from '@jest/globals';
import type { SmtpTransportOptions } from '../../../lib/transports/smtp/options/smtp.options.js';
import { testCertificates } from '../../fixtures/certificates.js';
import { testMail } from '../../fixtures/mail.js';
import type { ScriptedSmtpOptions } from '../../fixtures/scripted-smtp-server.js';
import { failureOf, smtpTransports } from '../../fixtures/smtp-transports.js';

const transports = smtpTransports();
const { ca, good, expired, wrongHost } = testCertificates();
const auth = { user: 'user', pass: 'sesame' };

/** Nothing that is to be kept secret went out in plain text. */
function expectNothingPlain(plain: Buffer): void {
  expect(plain.toString()).not.toMatch(/AUTH|MAIL FROM|Subject/);
}

describe('STARTTLS', () => {
  it('secures the session before AUTH and mail', async () => {
    const { server, transport } = await transports.start(
      { tls: good, capabilities: ['AUTH PLAIN'] },
      { auth, tls: { ca }, requireTLS: true },
    );
    await transport.deliver(testMail());
    const [connection] = server.connections;
    expect(connection).toMatchObject({ secure: true, auth: { accepted: true } });
    expect(connection!.receivedPlain.toString()).toMatch(/^EHLO client\.test\r\nSTARTTLS\r\n/);
    expectNothingPlain(connection!.receivedPlain);
    expect(server.messages).toHaveLength(1);
  });

  it('is taken where offered, though not required', async () => {
    const { server, transport } = await transports.start({ tls: good }, { tls: { ca } });
    await transport.deliver(testMail());
    expect(server.connections[0]!.secure).toBe(true);
  });

  const failures: [string, ScriptedSmtpOptions, Partial<SmtpTransportOptions>][] = [
    ['is not offered', {}, {}],
    ['is refused', { tls: good, script: { starttls: '454 4.7.0 not now' } }, {}],
    [
      'is answered, but no TLS follows',
      { script: { starttls: '220 2.0.0 go ahead' } },
      { timeouts: { commandMs: 300 } },
    ],
    ['is cut off', { tls: good, script: { starttls: { drop: 'after' } } }, {}],
    [
      'hangs',
      { tls: good, script: { starttls: { hang: true } } },
      { timeouts: { commandMs: 300 } },
    ],
    ['comes with an expired certificate', { tls: expired }, {}],
    ['comes with a certificate for another host', { tls: wrongHost }, {}],
    ['comes with a certificate of nobody we trust', { tls: good }, { tls: {} }],
  ];

  it.each(failures)('%s: no byte of AUTH or mail in plain text', async (_, script, options) => {
    const { server, transport } = await transports.start(script, {
      auth,
      requireTLS: true,
      tls: { ca },
      ...options,
    });
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      ...{ code: 'MAIL_TLS', disposition: 'retry', fault: 'transport', stage: 'starttls' },
    });
    const [connection] = server.connections;
    expectNothingPlain(connection!.receivedPlain);
    expect(connection!.receivedSecure.toString()).not.toMatch(/AUTH|MAIL FROM/);
    expect(server.transactions).toHaveLength(0);
  });

  it('discards what was injected before the handshake, and asks EHLO again', async () => {
    // Believed, the bytes would answer the EHLO after the handshake and offer an extension.
    const inject = '250-scripted.test\r\n250 SIZE 1\r\n';
    const { server, transport } = await transports.start(
      { tls: good, script: { starttls: { inject } } },
      { requireTLS: true, tls: { ca } },
    );
    await transport.deliver(testMail());
    expect(server.connections[0]!.commands.slice(0, 3)).toEqual([
      ...['EHLO client.test', 'STARTTLS', 'EHLO client.test'],
    ]);
    expect(server.messages).toHaveLength(1);
  });

  it.each([
    'no reply at all\r\n',
    '250 2.0.0 ok\r\nno reply\r\n',
    '421 4.3.2 closing\r\n',
    'half a li',
  ])('discards whatever was injected: %j', async (inject) => {
    const { server, transport } = await transports.start(
      { tls: good, script: { starttls: { inject } } },
      { requireTLS: true, tls: { ca } },
    );
    await transport.deliver(testMail());
    expect(server.connections).toHaveLength(1);
    expect(server.messages).toHaveLength(1);
  });

  it('is left alone with ignoreTLS', async () => {
    const { server, transport } = await transports.start({ tls: good }, { ignoreTLS: true });
    await transport.deliver(testMail());
    expect(server.connections[0]!.secure).toBe(false);
  });
});

describe('TLS from the first byte', () => {
  const secure = { secure: true, tls: { ca } } as const;

  it('carries the whole session', async () => {
    const { server, transport } = await transports.start(
      { tls: good, secure: true, capabilities: ['AUTH PLAIN'] },
      { ...secure, auth },
    );
    await transport.deliver(testMail());
    expect(server.connections[0]!.receivedPlain).toHaveLength(0);
    expect(server.messages).toHaveLength(1);
  });

  it('checks the name by which the server was called', async () => {
    const { server } = await transports.start({ tls: good, secure: true });
    const transport = transports.to({ host: 'localhost', port: server.port, ...secure });
    await transport.deliver(testMail());
    expect(server.messages).toHaveLength(1);
  });

  it.each([
    ['an expired certificate', expired],
    ["another host's certificate", wrongHost],
  ])('fails on %s', async (_, keys) => {
    const { server, transport } = await transports.start(
      { tls: keys, secure: true },
      { ...secure, auth },
    );
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      ...{ code: 'MAIL_TLS', disposition: 'retry', fault: 'transport', stage: 'connect' },
    });
    expect(server.commands).toEqual([]);
  });

  it('does not wait for ever for the handshake', async () => {
    const { transport } = await transports.start(
      { script: { greeting: { hang: true } } },
      { ...secure, timeouts: { connectMs: 200 } },
    );
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      ...{ code: 'MAIL_TLS', disposition: 'retry', stage: 'connect' },
    });
  });

  it('fails on a server that speaks no TLS', async () => {
    const { transport } = await transports.start({}, secure);
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({ code: 'MAIL_TLS' });
  });
});

describe.each([
  ['after STARTTLS', { tls: good }, { requireTLS: true, tls: { ca } }],
  ['with TLS from the first byte', { tls: good, secure: true }, { secure: true, tls: { ca } }],
])('%s', (_, script, options) => {
  const big = 'A line of a large mail.\n'.repeat(300_000);

  it.each([
    ['before the dot', { content: { dropAfterBytes: 1000 } }, 'retry', 'content'],
    ['after the dot', { script: { final: { drop: 'before' } } }, 'unknown', 'reply'],
    [
      'in the final reply',
      { script: { final: { raw: '250 2.', drop: 'after' } } },
      'unknown',
      'reply',
    ],
  ] as const)('a connection lost %s', async (_when, fault, disposition, stage) => {
    const { transport } = await transports.start({ ...script, ...fault }, options);
    const text = stage === 'content' ? big : 'short';
    expect(await failureOf(transport.deliver(testMail({ text })))).toMatchObject({
      ...{ code: 'MAIL_CONNECTION_LOST', disposition, fault: 'transport', stage },
    });
  });

  it('an idle connection that was closed is replaced, and close QUITs', async () => {
    const { server, transport } = await transports.start(script, options);
    await transport.deliver(testMail());
    server.disconnectAll();
    await transport.deliver(testMail());
    await transport.close();
    expect(server.messages).toHaveLength(2);
    expect(server.connections.map(({ quit }) => quit)).toEqual([false, true]);
    await server.until(() => server.openConnections === 0);
  });
});
