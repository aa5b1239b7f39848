import { describe, expect, it } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { composeWire } from '../../../lib/transports/smtp/compose.js';
import { testMail } from '../../fixtures/mail.js';

const FULL = {
  from: { name: 'Jörg', address: 'joerg@example.com' },
  to: [{ name: 'Ann, the first', address: 'ann@example.net' }, 'bob@example.net'],
  cc: 'cc@example.net',
  bcc: 'hidden@example.net',
  replyTo: 'reply@example.com',
  subject:
    'Grüße 👋 und ein langer Betreff, der gefaltet werden muss, weil er nicht in eine Zeile passt',
  text: 'Hällo\nWorld\n',
  html: '<p>Hällo <img src="cid:logo"></p>',
  attachments: [
    { filename: 'ä b.txt', content: 'text\n' },
    { filename: 'logo.png', content: Buffer.from([0, 13, 10, 255]), cid: 'logo' },
  ],
  headers: { 'X-Campaign': 'Frühling' },
  inReplyTo: '<one@example.com>',
  references: ['<one@example.com>', '<two@example.com>'],
  priority: 'high',
  date: new Date('2026-01-02T03:04:05Z'),
} as const;

describe('composeWire', () => {
  it('says what the mail says, and nothing of bcc', async () => {
    const mail = testMail(FULL);
    const { content: bytes } = composeWire(mail);
    expect(bytes.toString('latin1')).not.toMatch(/\r(?!\n)|(?<!\r)\n/);
    expect(bytes.toString()).not.toMatch(/hidden@|^bcc:/im);
    const parsed = await simpleParser(bytes);
    expect(parsed).toMatchObject({
      ...{ messageId: mail.messageId, date: FULL.date, subject: FULL.subject },
      ...{ inReplyTo: FULL.inReplyTo, references: FULL.references },
      from: { value: [{ name: 'Jörg', address: 'joerg@example.com' }] },
      to: { value: [FULL.to[0], { name: '', address: 'bob@example.net' }] },
      text: FULL.text,
    });
    expect(parsed.headers.get('priority')).toBe('high');
    expect(parsed.headers.get('x-campaign')).toBe('=?UTF-8?Q?Fr=C3=BChling?=');
    expect(
      parsed.attachments.map(({ filename, cid, content }) => [filename, cid, content]),
    ).toEqual([
      ['logo.png', 'logo', FULL.attachments[1].content],
      ['ä b.txt', undefined, Buffer.from('text\n')],
    ]);
  });

  it('writes the same bytes for every attempt', () => {
    const mail = testMail(FULL);
    expect(composeWire(mail)).toEqual(composeWire(mail));
  });
});
