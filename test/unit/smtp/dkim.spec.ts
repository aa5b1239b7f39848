import { describe, expect, it } from '@jest/globals';
import DKIM from 'nodemailer/lib/dkim';
import { composeMime } from '../../../lib/message/mime/compose.js';
import type { SmtpDkimOptions } from '../../../lib/transports/smtp/dkim/dkim.options.js';
import { dkimSigner } from '../../../lib/transports/smtp/dkim/signature.js';
import { dkimKeys, verifyDkim } from '../../fixtures/dkim.js';
import fc from '../../fixtures/fast-check.js';
import { testMail } from '../../fixtures/mail.js';

const RSA = dkimKeys('rsa');
const ED25519 = dkimKeys('ed25519');
const OPTIONS = { domainName: 'example.com', keySelector: 'mail' };

const BODIES = [
  '',
  '\r\n',
  '\r\n\r\n',
  'one line',
  'one line\r\n',
  'ends empty\r\n\r\n\r\n',
  '\r\n\r\nbegins empty\r\n',
  'a\r\n\r\n\r\nb\r\n',
  ' \t \r\n\tx  \t y \r\n \r\n',
  'trailing \t',
  'k\xc3\xa4se \xa0\r\n.\r\n..\r\n',
];
const HEAD = [
  'From: Sender <sender@example.com>',
  'To: a@example.net,\r\n b@example.net,\r\n\tc@example.net',
  'Subject:   two \t spaces  ',
  'X-Other: not signed',
  'Received: twice, the first',
  'Received: twice, the second',
  'MIME-Version:1.0',
].join('\r\n');

function signed(mail: Buffer, options: SmtpDkimOptions): Buffer {
  return Buffer.concat([Buffer.from(`${dkimSigner(options)(mail)}\r\n`, 'latin1'), mail]);
}

/** As nodemailer signs it; its field is folded elsewhere, which counts for nothing. */
async function byNodemailer(mail: Buffer, options: SmtpDkimOptions): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of new DKIM({ ...options }).sign(mail)) chunks.push(chunk as Buffer);
  return unfolded(Buffer.concat(chunks));
}

function unfolded(mail: Buffer): string {
  const text = mail.toString('latin1');
  const [field = ''] = text.split(/\r\n(?![ \t])/, 1);
  return field.replace(/\s+/g, '') + text.slice(field.length);
}

/** Every field that nodemailer may sign too, and more, in an order of no meaning. */
const ALL = [
  ...['Return-Path', 'Otp-Token', 'List-Archive', 'List-Owner', 'List-Post'],
  ...['List-Subscribe', 'List-Unsubscribe', 'List-Help', 'List-Id', 'References', 'In-Reply-To'],
  ...['Resent-Message-ID', 'Resent-Cc', 'Resent-To', 'Resent-Sender', 'Resent-From', 'Resent-Date'],
  ...['Content-Description', 'Content-ID', 'Content-Transfer-Encoding', 'Content-Type', 'Bcc'],
  ...['MIME-Version', 'Cc', 'To', 'Message-ID', 'Date', 'Subject', 'Reply-To', 'Sender', 'From'],
].map((name) => `${name}: value of ${name}`);

const mails = [
  ...BODIES.map((body) => Buffer.from(`${HEAD}\r\n\r\n${body}`, 'latin1')),
  Buffer.from(`${ALL.join('\r\n')}\r\n\r\nbody\r\n`),
];
const composed = composeMime(
  testMail({ text: 'Käse\n', html: '<p>Käse</p>', attachments: [{ content: Buffer.alloc(9000) }] }),
).bytes;

describe('a DKIM signature', () => {
  it.each([...mails, composed].map((mail, index) => [index, mail] as const))(
    'is nodemailer’s own with an RSA key: mail %i',
    async (_, mail) => {
      const variants = [
        {},
        { headerFieldNames: 'From : To:Received:SUBJECT:X-None' },
        { skipFields: 'to: MIME-version' },
      ];
      for (const variant of variants) {
        const options = { ...OPTIONS, ...variant, privateKey: RSA.privateKey };
        const ours = signed(mail, options);
        expect(unfolded(ours)).toBe(await byNodemailer(mail, options));
        verifyDkim(ours, RSA.publicKey);
      }
    },
  );

  it('is nodemailer’s own whatever the white space and line ends', async () => {
    const options = { ...OPTIONS, privateKey: RSA.privateKey };
    const piece = fc.constantFrom('a', 'b.', ' ', '\t', '\r\n', '\r\n\r\n', '\xa0', '=20');
    const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
    await fc.assert(
      fc.asyncProperty(text, async (body) => {
        const mail = Buffer.from(`${HEAD}\r\n\r\n${body}`, 'latin1');
        const ours = signed(mail, options);
        expect(unfolded(ours)).toBe(await byNodemailer(mail, options));
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['rsa', RSA],
    ['ed25519', ED25519],
  ])('verifies, in lines that fit, with a key of %s', (kind, { privateKey, publicKey }) => {
    const sign = dkimSigner({ ...OPTIONS, privateKey });
    for (const mail of [...mails, composed]) {
      const field = sign(mail);
      for (const line of field.split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
      const full = Buffer.concat([Buffer.from(`${field}\r\n`), mail]);
      const tags = verifyDkim(full, publicKey);
      expect(tags.get('a')).toBe(`${kind}-sha256`);
      expect(tags.get('d')).toBe('example.com');
      expect(tags.get('s')).toBe('mail');
      expect(tags.get('h')).toMatch(/^from:/);
      const forged = Buffer.from(full.toString('latin1').replace('example', 'exampl3'), 'latin1');
      expect(() => verifyDkim(forged, publicKey)).toThrow('wrong');
    }
  });
});
