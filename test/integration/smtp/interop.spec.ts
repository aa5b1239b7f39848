import { spawn, type ChildProcess } from 'node:child_process';
import net from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { SmtpTransport } from '../../../lib/transports/smtp/smtp.transport.js';
import type { SmtpTransportOptions } from '../../../lib/transports/smtp/options/smtp.options.js';
import { testCertificates } from '../../fixtures/certificates.js';
import { testMail } from '../../fixtures/mail.js';
import { mayRunPostfix, Postfix } from '../../fixtures/postfix.js';

let transport: SmtpTransport | undefined;
let stop: (() => Promise<void>) | undefined;

afterEach(async () => {
  await transport?.destroy();
  await stop?.();
  transport = undefined;
  stop = undefined;
});

function open(options: SmtpTransportOptions): SmtpTransport {
  transport = new SmtpTransport({ pool: { maxConnections: 3 }, ...options });
  return transport;
}

/** Mails of all shapes, with dots, long ones, and more than one recipient. */
function shapes() {
  return [
    testMail({ to: 'plain@example.net' }),
    testMail({ to: 'dots@example.net', text: '.\n..\n.hidden\nend.\n.\n' }),
    testMail({
      to: 'umlaut@example.net',
      subject: 'Grüße',
      text: 'Käse für alle ☕\n',
      html: '<p>Käse ☕</p>',
    }),
    testMail({ to: 'large@example.net', text: 'A line of a large mail.\n'.repeat(60_000) }),
    testMail({
      to: 'file@example.net',
      attachments: [{ filename: 'a.bin', content: Buffer.alloc(300_000, 7) }],
    }),
    ...Array.from({ length: 60 }, (_, i) => testMail({ to: `many-${i}@example.net` })),
  ];
}

const TLS = testCertificates();
const POSTFIX: [string, { discard?: string[]; tls?: boolean }][] = [
  ['all it offers', {}],
  ['no CHUNKING', { discard: ['chunking'] }],
  ['no PIPELINING', { discard: ['pipelining'] }],
  ['neither', { discard: ['pipelining', 'chunking'] }],
  ['STARTTLS', { tls: true }],
];

(mayRunPostfix ? describe : describe.skip)('Postfix', () => {
  it.each(POSTFIX)('with %s takes every mail once', async (_, { discard, tls }) => {
    const postfix = await Postfix.start({ discard, ...(tls ? { tls: TLS.good } : {}) });
    stop = () => postfix.stop();
    const { host, port } = postfix;
    const security = tls ? { requireTLS: true, tls: { ca: TLS.ca } } : {};
    const mails = shapes();
    const mixed = testMail({ to: ['here@example.net', 'gone@example.net'] });
    const gone = testMail({ to: 'gone-too@example.net' });
    const over = open({ host, port, ...security });
    const [deliveries, partial, refused] = await Promise.all([
      Promise.all(mails.map((mail) => over.deliver(mail))),
      over.deliver(mixed),
      over.deliver(gone).catch((error: unknown) => error),
    ]);
    await over.close();
    for (const { response, remoteId } of deliveries) {
      expect(response).toMatch(/^250 2\.0\.0 Ok: .*queued as/);
      expect(remoteId).toMatch(/^\w+$/);
    }
    expect(partial).toMatchObject({
      accepted: ['here@example.net'],
      rejected: [{ address: 'gone@example.net', disposition: 'permanent', enhancedCode: '5.1.1' }],
    });
    expect(refused).toMatchObject({ code: 'MAIL_RECIPIENTS', disposition: 'permanent' });
    const arrived = await postfix.mailbox(mails.length + 1);
    for (const mail of [...mails, mixed]) {
      const copies = arrived.filter((text) => text.includes(`Message-ID: ${mail.messageId}`));
      expect(copies).toHaveLength(1);
      expect(copies[0]).toContain(`X-Original-To: ${mail.envelope.to[0]!}`);
    }
    expect(arrived.find((text) => text.includes('dots@example.net'))).toContain(
      '\n.\n..\n.hidden\nend.\n.\n',
    );
    const log = await postfix.log();
    expect(log).not.toMatch(/improper command pipelining|lost connection|fatal|panic/);
    if (tls) expect(log).not.toMatch(/connect from .*unencrypted/);
  });
});

(mayRunPostfix ? describe : describe.skip)('Postfix, asked for delivery reports', () => {
  it('reports success with our id and recipient', async () => {
    const postfix = await Postfix.start();
    stop = () => postfix.stop();
    const { host, port } = postfix;
    const over = open({ host, port });
    const id = 'order 17+4=21';
    const dsn = { id, return: 'headers', notify: ['success', 'failure'] } as const;
    const envelope = { from: 'reports@example.net', to: 'j+oe@example.net' };
    await over.deliver(testMail({ dsn, envelope, text: 'only the headers come back\n' }));
    await over.deliver(testMail({ dsn: { notify: 'never' }, envelope }));
    await over.close();
    const report = (await postfix.mailbox(3)).find((text) =>
      /^Content-Type: message\/del/m.test(text),
    );
    expect(report).toContain('X-Original-To: reports@example.net');
    expect(report).toContain(`Original-Envelope-Id: ${id}`);
    expect(report).toContain('Original-Recipient: rfc822;j+oe@example.net');
    expect(report).toContain('Action: delivered');
    expect(report).not.toContain('only the headers');
  });
});

(mayRunPostfix ? describe : describe.skip)('Postfix with SASL', () => {
  const user = { name: 'jo', password: 'sésame = "open" %40' };

  it('takes mail from who is logged in, by every mechanism, and from nobody else', async () => {
    const postfix = await Postfix.start({ user, tls: TLS.good });
    stop = () => postfix.stop();
    const { host, port } = postfix;
    const security = { requireTLS: true, tls: { ca: TLS.ca } };
    const login = { user: user.name, pass: user.password };
    for (const method of ['PLAIN', 'LOGIN', 'CRAM-MD5', undefined] as const) {
      const over = open({ host, port, ...security, auth: { ...login, method } });
      await Promise.all(Array.from({ length: 10 }, () => over.deliver(testMail())));
      await over.close();
    }
    const wrong = open({ host, port, ...security, auth: { ...login, pass: 'sesame' } });
    expect(await wrong.deliver(testMail()).catch((error: unknown) => error)).toMatchObject({
      ...{ code: 'MAIL_AUTH', disposition: 'retry', fault: 'transport', smtpCode: 535 },
    });
    await wrong.close();
    const nobody = open({ host, port, ...security });
    expect(await nobody.deliver(testMail()).catch((error: unknown) => error)).toMatchObject({
      ...{ code: 'MAIL_RECIPIENTS', smtpCode: 554 },
    });
    await nobody.close();
    const log = await postfix.log();
    for (const method of ['PLAIN', 'LOGIN', 'CRAM-MD5']) {
      expect(log).toMatch(new RegExp(`sasl_method=${method}, sasl_username=jo`));
    }
    expect(log).not.toMatch(/fatal|panic/);
  });
});

describe('smtp-sink', () => {
  it('takes 500 mails', async () => {
    const probe = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => probe.once('listening', resolve));
    const { port } = probe.address() as net.AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const child: ChildProcess = spawn('/usr/sbin/smtp-sink', [
      '-u',
      'nobody',
      `127.0.0.1:${port}`,
      '100',
    ]);
    stop = async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await gone;
    };
    await listening(port);
    const over = open({ host: '127.0.0.1', port, name: 'client.test' });
    const deliveries = await Promise.all(
      Array.from({ length: 500 }, () => over.deliver(testMail())),
    );
    expect(deliveries.every(({ accepted }) => accepted.length === 1)).toBe(true);
    await over.close();
  });
});

/** Resolves once something accepts connections there. */
async function listening(port: number): Promise<void> {
  for (;;) {
    const there = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => {
        resolve(false);
      });
    });
    if (there) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('the smtp-server package', () => {
  it.each([[[]], [['PIPELINING']]])('takes every mail once, without %j', async (hidden) => {
    const taken: string[] = [];
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      hidePIPELINING: hidden.includes('PIPELINING'),
      onData(stream, _session, done) {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          taken.push(Buffer.concat(chunks).toString());
          done();
        });
      },
    });
    server.on('error', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stop = () =>
      new Promise((resolve) =>
        server.close(() => {
          resolve();
        }),
      );
    const { port } = server.server.address() as net.AddressInfo;
    const over = open({ host: '127.0.0.1', port });
    const mails = shapes();
    await Promise.all(mails.map((mail) => over.deliver(mail)));
    await over.close();
    for (const mail of mails) {
      expect(taken.filter((text) => text.includes(mail.messageId))).toHaveLength(1);
    }
  });
});
