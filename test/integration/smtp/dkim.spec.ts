import { execFile } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SmtpTransport } from '../../../lib/transports/smtp/smtp.transport.js';
import { dkimKeys, verifyDkim } from '../../fixtures/dkim.js';
import { testMail } from '../../fixtures/mail.js';
import {
  type ScriptedSmtpOptions,
  ScriptedSmtpServer,
} from '../../fixtures/scripted-smtp-server.js';

const RSA = dkimKeys('rsa');
const ED25519 = dkimKeys('ed25519');
const CAPABILITIES = ['PIPELINING', 'CHUNKING', '8BITMIME'];

let Built: typeof SmtpTransport;
let server: ScriptedSmtpServer;
let transport: SmtpTransport;
/** The transport shows nobody what holds its key; Node tells of each thread that starts. */
let started: Worker | undefined;

function onThread(message: unknown): void {
  const { worker } = message as { worker: Worker };
  started = worker;
  worker.once('exit', () => {
    if (started === worker) started = undefined;
  });
}

beforeAll(async () => {
  // A thread runs what is built.
  const built = '../../../dist/transports/smtp/smtp.transport.js';
  ({ SmtpTransport: Built } = (await import(built)) as { SmtpTransport: typeof SmtpTransport });
  subscribe('worker_threads', onThread);
});

afterAll(() => {
  unsubscribe('worker_threads', onThread);
});

afterEach(async () => {
  await transport.destroy();
  await server.close();
});

async function start(
  privateKey: string,
  script: ScriptedSmtpOptions = { capabilities: CAPABILITIES },
  Transport = Built,
): Promise<void> {
  server = await ScriptedSmtpServer.start(script);
  transport = new Transport({
    ...{ host: server.host, port: server.port, name: 'client.test' },
    dkim: { domainName: 'example.com', keySelector: 'mail', privateKey },
  });
}

const thread = (): Worker | undefined => started;

function verifyAll(publicKey: string, count: number): void {
  expect(server.messages).toHaveLength(count);
  for (const { content } of server.messages) verifyDkim(content, publicKey);
}

describe('DKIM over SMTP', () => {
  it.each([
    ['rsa', RSA],
    ['ed25519', ED25519],
  ])('signs each of many mails with a key of %s', async (_, { privateKey, publicKey }) => {
    await start(privateKey);
    expect(thread()).toBeUndefined();
    const mails = Array.from({ length: 60 }, () => testMail({ text: 'Käse\n.\n..\n \t \n\n' }));
    await Promise.all(mails.map((mail) => transport.deliver(mail)));
    verifyAll(publicKey, 60);
  });

  it.each([[[]], [['PIPELINING']], [CAPABILITIES]])(
    'signs what arrives, whatever way it is sent: %j',
    async (capabilities) => {
      await start(RSA.privateKey, { capabilities: [...capabilities, '8BITMIME'] });
      const content = Buffer.alloc(200_000, 'content.\n');
      await transport.deliver(testMail({ text: '.\n..\n', attachments: [{ content }] }));
      // This one travels as a message.
      const message = { content: 'Subject: inner\r\n\r\nHi', contentType: 'message/rfc822' };
      await transport.deliver(testMail({ attachments: [message] }));
      verifyAll(RSA.publicKey, 2);
    },
  );

  it('tells mails that wait for a broken thread to be sent again, and starts a new one', async () => {
    await start(RSA.privateKey);
    await transport.deliver(testMail());
    const first = thread()!;
    // It hears nothing more, as if it hung.
    first.postMessage = () => undefined;
    const failures = Array.from({ length: 5 }, () =>
      transport.deliver(testMail()).catch((error: unknown) => error),
    );
    // Their turn comes with the next tick.
    await new Promise((resolve) => setImmediate(resolve));
    await first.terminate();
    const errors = await Promise.all(failures);
    for (const error of errors) {
      expect(error).toMatchObject({
        name: 'MailDeliveryError',
        code: 'MAIL_DKIM',
        ...{ disposition: 'retry', fault: 'transport', stage: 'queue' },
      });
    }
    const [line = ''] = RSA.privateKey.split('\n').slice(1);
    expect(line.length).toBeGreaterThan(60);
    expect(JSON.stringify(errors) + String(errors)).not.toContain(line);
    await transport.deliver(testMail());
    expect(thread()).not.toBe(first);
    verifyAll(RSA.publicKey, 2);
  });

  it('ends its thread when it is closed, after the last mail', async () => {
    await start(RSA.privateKey);
    await transport.deliver(testMail());
    const gone = once(thread()!, 'exit');
    const mails = Array.from({ length: 10 }, () => transport.deliver(testMail()));
    await transport.close();
    await Promise.all(mails);
    await gone;
    verifyAll(RSA.publicKey, 11);
    await transport.close();
  });

  it('ends its thread when it is destroyed', async () => {
    await start(RSA.privateKey);
    await transport.deliver(testMail());
    const gone = once(thread()!, 'exit');
    const late = transport.deliver(testMail()).catch((error: unknown) => error);
    await transport.destroy();
    expect(await late).toMatchObject({ code: 'MAIL_ABORTED' });
    await gone;
  });

  it('keeps no process alive once it has answered', async () => {
    await start(RSA.privateKey);
    const folder = new URL('../../../dist/transports/smtp/', import.meta.url).href;
    const program = `
      import { SigningThread } from '${folder}dkim/signing-thread.js';
      import { SmtpErrors } from '${folder}protocol/smtp-errors.js';
      const privateKey = process.env.KEY;
      const options = { domainName: 'example.com', keySelector: 'mail', privateKey };
      const signed = await new SigningThread(options, new SmtpErrors('x')).sign(Buffer.from('A: b'));
      console.log(signed.toString());
    `;
    const args = ['--input-type=module', '-e', program];
    const env = { ...process.env, NODE_OPTIONS: '', KEY: RSA.privateKey };
    const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 20_000 });
    expect(stdout).toMatch(/^DKIM-Signature: [^]*\r\nA: b\n$/);
  });

  it('signs in this thread where the file of the other is missing', async () => {
    // The tests run the sources, in which no thread can start.
    await start(RSA.privateKey, { capabilities: CAPABILITIES }, SmtpTransport);
    await Promise.all(Array.from({ length: 20 }, () => transport.deliver(testMail())));
    await transport.deliver(testMail());
    expect(thread()).toBeUndefined();
    verifyAll(RSA.publicKey, 21);
  });
});
