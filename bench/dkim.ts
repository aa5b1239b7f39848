/**
 * 1,000 mails signed with an RSA key of 2048 bits: by nodemailer in this thread, by ours in this thread,
 * by ours in a thread of its own. Messages a second, how much of its time the event loop was busy, and
 * the longest that it kept others waiting. `--quick` signs 200.
 */
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { setImmediate as turn } from 'node:timers/promises';
import DKIM from 'nodemailer/lib/dkim';
import { createMail } from '../lib/message/create-mail.js';
import { composeMime } from '../lib/message/mime/compose.js';
import type { SmtpDkimOptions } from '../lib/transports/smtp/dkim/dkim.options.js';
import { dkimSigner } from '../lib/transports/smtp/dkim/signature.js';
import { SigningThread } from '../lib/transports/smtp/dkim/signing-thread.js';
import { SmtpErrors } from '../lib/transports/smtp/protocol/smtp-errors.js';

const MAILS = process.argv.includes('--quick') ? 200 : 1_000;
const CONCURRENCY = 20;

const text = 'Your order has left our house and is on its way to you.\n'.repeat(20);
const { bytes } = composeMime(
  createMail({
    from: 'Shop <hello@shop.example>',
    to: 'customer@mail.example',
    subject: 'Your order is on its way',
    text,
    html: `<p>${text}</p>`,
  }),
);

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const options: SmtpDkimOptions = {
  domainName: 'shop.example',
  keySelector: 'mail',
  privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};

async function measure(name: string, sign: (mail: Buffer) => Promise<unknown>): Promise<number> {
  let worst = 0;
  let last = performance.now();
  let running = true;
  // What a timer of one millisecond waits for longer, the others wait, too.
  const lap = (): void => {
    const now = performance.now();
    worst = Math.max(worst, now - last);
    last = now;
    if (running) setTimeout(lap, 1);
  };
  await sign(bytes);
  const before = performance.eventLoopUtilization();
  const start = performance.now();
  last = start;
  setTimeout(lap, 1);
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < MAILS) {
      begun += 1;
      await sign(bytes);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  const rate = (MAILS / (performance.now() - start)) * 1000;
  running = false;
  const { utilization } = performance.eventLoopUtilization(before);
  console.log(
    name.padEnd(30),
    rate.toFixed(0).padStart(8),
    `${(utilization * 100).toFixed(0)} %`.padStart(8),
    `${worst.toFixed(1)} ms`.padStart(12),
  );
  return rate;
}

async function byNodemailer(mail: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of new DKIM({ ...options }).sign(mail)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const nodemailer = createRequire(import.meta.url)('nodemailer/package.json') as { version: string };
console.log(
  `DKIM, rsa-sha256 with 2048 bits, ${MAILS} mails of ${bytes.length} bytes; node ${process.version}, nodemailer ${nodemailer.version}`,
);
console.log(
  `${''.padEnd(30)} ${'mails/s'.padStart(8)} ${'busy'.padStart(8)} ${'longest'.padStart(12)}`,
);
const here = dkimSigner(options);
const thread = new SigningThread(options, new SmtpErrors('bench'));
const theirs = await measure('nodemailer, main thread', byNodemailer);
await measure('ours, main thread', async (mail) => {
  here(mail);
  await turn();
});
const ours = await measure('ours, thread of its own', (mail) => thread.sign(mail));
await thread.close();
console.log(`ratio to nodemailer: ${(ours / theirs).toFixed(1)}`);
