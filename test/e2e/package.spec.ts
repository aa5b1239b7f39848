import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerEnvelope } from 'smtp-server';
import {
  startSendGridServer,
  type SendGridServer,
} from '../../sample/stand-ins/src/sendgrid-server.js';
import type { MailReceipt } from '../../lib/index.js';
import { APP_SOURCE } from '../fixtures/packed/app-source.js';
import { makeApp, makeFolder, packInto, ROOT, run } from '../fixtures/packed/scratch-app.js';

const TSC = 'node_modules/typescript/bin/tsc';
const API_KEY = 'SG.packed-app';

const inAnApp = ['reflect-metadata@0.2', 'rxjs@7', '@types/node@20'];

let folder: Awaited<ReturnType<typeof makeFolder>>;
let tarball: string;
beforeAll(async () => {
  folder = await makeFolder();
  tarball = await packInto(folder.path);
}, 60_000);
afterAll(() => folder.remove());

interface Arrived {
  readonly envelope: SMTPServerEnvelope;
  readonly raw: Buffer;
}

let smtp: SMTPServer;
let arrived: Arrived[];
let sendGrid: SendGridServer;
beforeEach(async () => {
  arrived = [];
  smtp = new SMTPServer({
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    onAuth: ({ username, password }, _session, done) =>
      username === 'user' && password === 'pass'
        ? done(null, { user: username })
        : done(new Error('wrong password')),
    onData: (stream, { envelope }, done) => {
      buffer(stream).then((raw) => {
        arrived.push({ envelope, raw });
        done();
      }, done);
    },
  });
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
  sendGrid = await startSendGridServer({ apiKey: API_KEY });
});
afterEach(async () => {
  await new Promise<void>((resolve) => smtp.close(resolve));
  await sendGrid.close();
});

/** Runs the compiled app against both servers; answers what it was told of its two sends. */
async function send(app: string): Promise<MailReceipt[]> {
  const { port } = smtp.server.address() as AddressInfo;
  const printed = await run(app, process.execPath, ['main.js'], {
    SMTP_URL: `smtp://user:pass@127.0.0.1:${port}`,
    API_URL: sendGrid.url,
    API_KEY,
  });
  return JSON.parse(printed) as MailReceipt[];
}

async function expectBothArrived(receipts: readonly MailReceipt[]): Promise<void> {
  const sent = { status: 'sent', accepted: ['jo@example.net'], rejected: [] };
  expect(receipts).toMatchObject([sent, sent]);

  expect(arrived).toHaveLength(1);
  const { envelope, raw } = arrived[0]!;
  expect(envelope).toMatchObject({
    mailFrom: { address: 'shop@example.com' },
    rcptTo: [{ address: 'jo@example.net' }],
  });
  const mail = await simpleParser(raw);
  expect(mail).toMatchObject({
    messageId: receipts[0]?.messageId,
    subject: 'Grüße',
    html: expect.stringContaining('<p>Hello <b>Jo</b></p>'),
    text: expect.stringContaining('Hello Jo'),
    from: { value: [{ name: 'Shop', address: 'shop@example.com' }] },
    to: { value: [{ name: 'Jo', address: 'jo@example.net' }] },
  });

  expect(sendGrid.accepted).toMatchObject([
    {
      id: receipts[1]?.hops.at(-1)?.remoteId,
      mail: {
        personalizations: [{ to: [{ name: 'Jo', email: 'jo@example.net' }] }],
        from: { name: 'Shop', email: 'shop@example.com' },
        subject: 'Grüße',
        content: [
          { type: 'text/plain', value: 'Hello Jo' },
          { type: 'text/html', value: '<p>Hello <b>Jo</b></p>' },
        ],
      },
    },
  ]);
}

function versionOf(app: string, name: string): string {
  const manifest: unknown = JSON.parse(
    readFileSync(join(app, 'node_modules', name, 'package.json'), 'utf8'),
  );
  return (manifest as { version: string }).version;
}

describe('the packed package', () => {
  it('sends over both transports from a NestJS 12 ESM app', async () => {
    const app = join(folder.path, 'nest-12-esm');
    await makeApp({
      folder: app,
      type: 'module',
      source: APP_SOURCE,
      packages: [tarball, '@nestjs/common@12', '@nestjs/core@12', ...inAnApp],
      compilerOptions: { module: 'NodeNext' },
    });
    expect(versionOf(app, '@nestjs/core')).toMatch(/^12\./);
    await run(app, process.execPath, [join(ROOT, TSC)]);
    await expectBothArrived(await send(app));
  }, 90_000);

  it('sends over both transports from a NestJS 11 CommonJS app', async () => {
    const app = join(folder.path, 'nest-11-commonjs');
    const compilerOptions = {
      module: 'CommonJS',
      moduleResolution: 'node10',
      esModuleInterop: true,
    };
    await makeApp({
      folder: app,
      type: 'commonjs',
      source: APP_SOURCE,
      packages: [tarball, '@nestjs/common@11', '@nestjs/core@11', 'typescript@5.9', ...inAnApp],
      compilerOptions,
    });
    expect(versionOf(app, '@nestjs/core')).toMatch(/^11\./);
    await run(app, process.execPath, [TSC]);
    expect(readFileSync(join(app, 'main.js'), 'utf8')).toContain('require("nestjs-mail-relay")');
    await expectBothArrived(await send(app));
    // The templates of later 11.x releases compile CommonJS this way.
    await run(app, process.execPath, [
      TSC,
      '--noEmit',
      '--module',
      'NodeNext',
      '--moduleResolution',
      'NodeNext',
    ]);
  }, 90_000);
});
