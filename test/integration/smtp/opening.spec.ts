import dns from 'node:dns';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { testCertificates } from '../../fixtures/certificates.js';
import { testMail } from '../../fixtures/mail.js';
import { failureOf, smtpTransports } from '../../fixtures/smtp-transports.js';

const transports = smtpTransports();
const cleanups: (() => void)[] = [];
afterEach(() => {
  jest.restoreAllMocks();
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** What the names of a test resolve to, in this order. */
function resolveTo(...addresses: string[]): { families: unknown[] } {
  const asked = { families: [] as unknown[] };
  type Done = (error: null, list: unknown, family?: number) => void;
  jest.spyOn(dns, 'lookup').mockImplementation(((
    _name: string,
    options: { family?: number; all?: boolean },
    done: Done,
  ) => {
    asked.families.push(options.family);
    const list = addresses
      .map((address) => ({ address, family: net.isIP(address) }))
      .filter(({ family }) => !options.family || family === options.family);
    // Never at once, as no look-up of a name is.
    setImmediate(() => {
      if (options.all) done(null, list);
      else done(null, list[0]!.address, list[0]!.family);
    });
  }) as unknown as typeof dns.lookup);
  return asked;
}

describe('AUTH whose line would be longer than 512 octets (RFC 4954 §4)', () => {
  const cases: [string, object, number][] = [
    ['PLAIN', { user: 'jo', pass: 'p'.repeat(400) }, 400],
    ['XOAUTH2', { user: 'jo', accessToken: 't'.repeat(1500) }, 1500],
  ];
  it.each(cases)('%s waits for the go-ahead', async (method, auth, length) => {
    const { server, transport } = await transports.start(
      { capabilities: [`AUTH ${method}`] },
      { auth: auth as { user: string; pass: string } },
    );
    await transport.deliver(testMail());
    const [connection] = server.connections;
    expect(connection!.commands).toContain(`AUTH ${method}`);
    expect(connection!.auth).toMatchObject({ accepted: true });
    const response = Buffer.from(connection!.auth!.responses[0]!, 'base64').toString();
    expect(response).toMatch(new RegExp(`[pt]{${length}}`));
  });

  it.each([
    [370, true],
    [371, false],
  ])('PLAIN: a password of %i octets fits the line: %s', async (length, fits) => {
    // `AUTH PLAIN `, CRLF and 4 octets for each 3 of NUL, user, NUL and password.
    const { server, transport } = await transports.start(
      { capabilities: ['AUTH PLAIN'] },
      { auth: { user: 'j', pass: 'p'.repeat(length - 1) } },
    );
    await transport.deliver(testMail());
    const line = server.commands.find((one) => one.startsWith('AUTH PLAIN'))!;
    expect(line.length > 'AUTH PLAIN'.length).toBe(fits);
    expect(line.length + 2).toBeLessThanOrEqual(512);
  });

  it('a server that refuses the mechanism is not told the response', async () => {
    const { server, transport } = await transports.start(
      { capabilities: ['AUTH PLAIN'], script: { challenge: '504 5.5.4 no' } },
      { auth: { user: 'jo', pass: 'p'.repeat(400) } },
    );
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({ code: 'MAIL_AUTH' });
    expect(server.commands.join()).not.toMatch(/cHBw/);
  });
});

describe('localAddress', () => {
  it('tries all addresses of its family, and no other', async () => {
    const { server } = await transports.start();
    // Nobody listens on the first two of them.
    const asked = resolveTo('::1', '127.0.0.2', '127.0.0.3', '127.0.0.1');
    const transport = transports.to({
      host: 'mx.test',
      port: server.port,
      localAddress: '127.0.0.1',
    });
    await transport.deliver(testMail());
    expect(server.messages).toHaveLength(1);
    expect(asked.families).toEqual([4]);
  });

  it('fails with the last of them', async () => {
    const { server } = await transports.start();
    resolveTo('127.0.0.2', '127.0.0.3');
    const transport = transports.to({
      host: 'mx.test',
      port: server.port,
      localAddress: '127.0.0.1',
    });
    const error = await failureOf(transport.deliver(testMail()));
    expect(error).toMatchObject({ code: 'MAIL_CONNECT', disposition: 'retry' });
    expect(error.message).toContain('127.0.0.3');
  });
});

describe('a host with the dot of a rooted name', () => {
  it.each([true, false])(
    'names itself to TLS without it (TLS from the start: %s)',
    async (secure) => {
      const { ca, good } = testCertificates();
      const names: string[] = [];
      const SNICallback = (
        name: string,
        done: (error: null, context: tls.SecureContext) => void,
      ) => {
        names.push(name);
        done(null, tls.createSecureContext({ ...good }));
      };
      const say = (socket: net.Socket, tlsBegun: boolean): void => {
        if (!tlsBegun || secure) socket.write('220 x ESMTP\r\n');
        socket.on('error', () => undefined);
        socket.on('data', (chunk) => {
          if (String(chunk).startsWith('EHLO')) {
            socket.write(tlsBegun ? '250 x\r\n' : '250-x\r\n250 STARTTLS\r\n');
          } else if (String(chunk).startsWith('STARTTLS')) {
            socket.removeAllListeners('data');
            socket.write('220 go\r\n');
            say(new tls.TLSSocket(socket, { isServer: true, SNICallback, ...good }), true);
          } else socket.write('421 enough\r\n');
        });
      };
      const server = secure
        ? tls.createServer({ SNICallback, ...good }, (socket) => say(socket, true))
        : net.createServer((socket) => say(socket, false));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      cleanups.push(() => server.close());
      resolveTo('127.0.0.1');
      const { port } = server.address() as net.AddressInfo;
      const transport = transports.to({ host: 'localhost.', port, secure, tls: { ca } });
      // The handshake was fine, the certificate's name too; the server has had enough at MAIL.
      expect(await failureOf(transport.deliver(testMail()))).toMatchObject({ smtpCode: 421 });
      expect(new Set(names)).toEqual(new Set(['localhost']));
    },
  );
});

describe('a certificate that the server made for itself', () => {
  it('on loopback: the error names the fix', async () => {
    const { server, transport } = await transports.start({ tls: testCertificates().good });
    const error = await failureOf(transport.deliver(testMail()));
    expect(error).toMatchObject({ code: 'MAIL_TLS', disposition: 'retry', stage: 'starttls' });
    expect(error.message).toMatch(/`tls\.ca`.*`ignoreTLS: true`/);
    const plain = transports.to({ host: server.host, port: server.port, ignoreTLS: true });
    await plain.deliver(testMail());
    expect(server.messages).toHaveLength(1);
  });
});

describe('552 to RCPT', () => {
  it('speaks of too many recipients and is temporary (RFC 5321 §4.5.3.1.10)', async () => {
    const { transport } = await transports.start({
      script: { rcpt: ({ count }) => (count > 2 ? '552 too many recipients' : undefined) },
    });
    const to = ['a@x.example', 'b@x.example', 'c@x.example'];
    const delivery = await transport.deliver(testMail({ to }));
    expect(delivery.rejected).toMatchObject([
      { address: 'c@x.example', disposition: 'retry', smtpCode: 552 },
    ]);
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({ disposition: 'retry' });
  });

  it('to content it is the last word: the mail is too large', async () => {
    const { transport } = await transports.start({ script: { final: '552 5.3.4 too big' } });
    expect(await failureOf(transport.deliver(testMail()))).toMatchObject({
      disposition: 'permanent',
    });
  });
});
