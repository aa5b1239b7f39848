/**
 * Messages composed a second by one core, by `composeMime` and by nodemailer's MailComposer in the
 * same run. `--quick` takes a tenth of the time.
 */
import { createRequire } from 'node:module';
import { createMail } from '../lib/message/create-mail.js';
import type { Mail } from '../lib/message/mail.js';
import type { MailMessage } from '../lib/message/message.js';
import { composeMime } from '../lib/message/mime/compose.js';
import { composeByNodemailer } from '../test/fixtures/compose-by-nodemailer.js';

const MAILS = 500;
const QUICK = process.argv.includes('--quick');
const TURN_MS = QUICK ? 100 : 500;
const TURNS = QUICK ? 2 : 4;
/** MailComposer waits for the event loop several times a message; others use the time. */
const CONCURRENCY = 20;

const line = 'Your order has left our house and is on its way to you with the morning van.';
const plain = Array.from({ length: 14 }, (_, i) => `${i + 1}. ${line.slice(i % 20)}\n`).join('');
const rows = Array.from({ length: 14 }, (_, i) => `<p>${i + 1}. ${line.slice(i % 20, 68)}</p>\n`);
const html = `<!doctype html>\n<html><body style="color:#222">\n${rows.join('')}</body></html>\n`;
const oneLine = html.replaceAll('\n', '');
const cyrillic =
  'Ваш заказ отправлен и скоро будет у вас. Спасибо, что выбрали наш магазин.\n'.repeat(14);

const BODIES: Record<string, Partial<MailMessage>> = {
  'text + html': { text: plain, html },
  'text + html in one line': { text: plain, html: oneLine },
  'text + html, accents': {
    text: plain.replaceAll('way', 'wäy'),
    html: html.replaceAll('way', 'wäy'),
  },
  'text + html, Cyrillic': { text: cyrillic, html: `<p>${cyrillic}</p>` },
  text: { text: plain },
  'text + html + 100 kB file': {
    text: plain,
    html,
    attachments: [{ filename: 'invoice.pdf', content: Buffer.alloc(100_000, 'pdf') }],
  },
};

function mailsOf(body: Partial<MailMessage>): Mail[] {
  return Array.from({ length: MAILS }, (_, i) =>
    createMail({
      from: 'Shop <hello@shop.example>',
      to: { name: `Customer ${i}`, address: `customer-${i}@mail.example` },
      subject: `Your order ${10_000 + i} is on its way`,
      ...body,
    }),
  );
}

function ours(mails: readonly Mail[]): number {
  let count = 0;
  const start = performance.now();
  while (performance.now() - start < TURN_MS) {
    for (let i = 0; i < 50; i++) composeMime(mails[count++ % mails.length]!);
  }
  return (count / (performance.now() - start)) * 1000;
}

async function theirs(mails: readonly Mail[]): Promise<number> {
  let count = 0;
  const start = performance.now();
  const lane = async (): Promise<void> => {
    while (performance.now() - start < TURN_MS) {
      await composeByNodemailer(mails[count++ % mails.length]!);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  return (count / (performance.now() - start)) * 1000;
}

const nodemailer = createRequire(import.meta.url)('nodemailer/package.json') as { version: string };
console.log(
  `Composing, messages/s on one core; node ${process.version}, nodemailer ${nodemailer.version}`,
);
console.log(
  `${''.padEnd(28)}${'bytes'.padStart(8)}${'ours'.padStart(10)}${'MailComposer'.padStart(14)}${'ratio'.padStart(8)}`,
);
for (const [name, body] of Object.entries(BODIES)) {
  const mails = mailsOf(body);
  // Turns alternate, so that a busy moment of the machine meets both; the best turn of each counts.
  let us = 0;
  let them = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    us = Math.max(us, ours(mails));
    them = Math.max(them, await theirs(mails));
  }
  const bytes = composeMime(mails[0]!).bytes.length;
  console.log(
    name.padEnd(28) +
      String(bytes).padStart(8) +
      Math.round(us).toLocaleString('en').padStart(10) +
      Math.round(them).toLocaleString('en').padStart(14) +
      `${(us / them).toFixed(1)}x`.padStart(8),
  );
}
