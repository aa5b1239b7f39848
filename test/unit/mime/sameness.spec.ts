import { describe, expect, it } from '@jest/globals';
import fc from '../../fixtures/fast-check.js';
import { simpleParser, type ParsedMail } from 'mailparser';
import { createMail } from '../../../lib/message/create-mail.js';
import type { Mail } from '../../../lib/message/mail.js';
import type { MailMessage } from '../../../lib/message/message.js';
import { composeMime } from '../../../lib/message/mime/compose.js';
import { composeByNodemailer } from '../../fixtures/compose-by-nodemailer.js';
import { decodeWords } from '../../fixtures/decode-words.js';
import { message } from '../../fixtures/mail-corpus.js';

/**
 * What is made equal before the comparison, and why:
 * - MailComposer is given bodies whose line ends are CRLF already. It leaves a lone CR alone and does
 *   not touch line ends inside base64; ours always makes CRLF of them, as RFC 2045 §6.8 wants.
 * - Its message gets the CRLF at its end that its SMTP client adds to one that has none.
 * - How the parts are encoded and what the boundaries are is each composer's choice: of
 *   Content-Type the parameter `boundary`, and Content-Transfer-Encoding, are not compared.
 * - Where the whole message is one text part, a line end at its very end is not compared: base64 can
 *   leave the last CRLF of the message out of the text, the other encodings cannot.
 * - mailparser leaves the encoded words of fields that it does not know; they are decoded here.
 */
function normalised(mail: Mail): Mail {
  const { text, html, amp, icalEvent } = mail;
  return {
    ...mail,
    ...(text !== undefined && { text: crlf(text) }),
    ...(html !== undefined && { html: crlf(html) }),
    ...(amp !== undefined && { amp: crlf(amp) }),
    ...(icalEvent && { icalEvent: { ...icalEvent, content: crlf(icalEvent.content) } }),
  };
}

function crlf(text: string): string {
  return text.replace(/\r\n|\r|\n/g, '\r\n');
}

function withLineEnd(bytes: Buffer): Buffer {
  return bytes.subarray(-2).toString() === '\r\n'
    ? bytes
    : Buffer.concat([bytes, Buffer.from('\r\n')]);
}

function decodeString(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? decodeWords(value) : value;
}

function meaning(parsed: ParsedMail): unknown {
  const headers = [...parsed.headers]
    .filter(([name]) => name !== 'content-transfer-encoding')
    .map(([name, value]): [string, unknown] => {
      if (name.startsWith('x-')) return [name, JSON.stringify(value, decodeString)];
      if (name !== 'content-type') return [name, value];
      const { value: type, params } = value as { value: string; params: Record<string, string> };
      return [name, { type, params: { ...params, boundary: undefined } }];
    })
    .sort(([a], [b]) => a.localeCompare(b));
  const single = !JSON.stringify(headers).includes('"multipart/');
  const ended = (text: string): string => (single ? text.replace(/\n$/, '') : text);
  return {
    headers,
    subject: parsed.subject,
    from: parsed.from?.value,
    to: parsed.to,
    cc: parsed.cc,
    bcc: parsed.bcc,
    replyTo: parsed.replyTo,
    messageId: parsed.messageId,
    inReplyTo: parsed.inReplyTo,
    references: parsed.references,
    date: parsed.date,
    text: parsed.text && ended(parsed.text),
    html: parsed.html && ended(parsed.html),
    attachments: parsed.attachments.map((file) => ({
      filename: file.filename,
      contentType: file.contentType,
      disposition: file.contentDisposition,
      cid: file.cid,
      related: file.related,
      content: single
        ? file.content.toString('latin1').replace(/\r?\n$/, '')
        : file.content.toString('hex'),
    })),
  };
}

async function bothMeanings(input: MailMessage): Promise<{ ours: unknown; theirs: unknown }> {
  const mail = normalised(createMail(input));
  const ours = composeMime(mail);
  const theirs = await composeByNodemailer(mail);
  return {
    ours: meaning(await simpleParser(ours.bytes, { keepCidLinks: true })),
    theirs: meaning(await simpleParser(withLineEnd(theirs), { keepCidLinks: true })),
  };
}

describe('the lean composer and MailComposer', () => {
  it('read the same to mailparser over a generated corpus', async () => {
    await fc.assert(
      fc.asyncProperty(message, async (input) => {
        const { ours, theirs } = await bothMeanings(input);
        expect(ours).toEqual(theirs);
      }),
      { numRuns: Number(process.env['MIME_RUNS'] ?? 300) },
    );
  }, 120_000);

  it.each<[string, Partial<MailMessage>]>([
    ['an empty message', {}],
    ['smuggled ends of DATA', { text: 'a\n.\r\nb\r\n.\nc\r.\rd\r\n.\re\n.\n', html: '.\r\n.' }],
    ['lone CR and LF', { text: '\r\n\r\r\n\n\n\r', html: 'a\rb\nc' }],
    ['white space at line ends', { text: 'a  \nb\t\n \n\t', html: `${'x '.repeat(100)}\n` }],
    ['one endless line', { text: 'x'.repeat(20_000), html: 'ß'.repeat(20_000) }],
    ['a text beyond every buffer', { text: 'straße\n'.repeat(40_000), html: 'я '.repeat(100_000) }],
    ['mail source as text', { text: 'From: a\n\n--=_x-1\nFrom b\n=?utf-8?Q?c?=\n=3D\n=\n' }],
    [
      'right to left',
      { subject: 'שלום עולם', text: 'مرحبا \u202etxt.exe', html: '<p dir=rtl>שלום</p>' },
    ],
    ['emoji with joiners', { subject: '👩‍👩‍👧‍👦 '.repeat(30), text: '👩‍👩‍👧‍👦🏳️‍🌈' }],
    ['one file and no text', { attachments: [{ filename: 'ä.bin', content: '\r\n.\r\n' }] }],
    ['an empty file', { text: 'x', attachments: [{ filename: 'a.txt', content: '' }] }],
    ['an image without html', { attachments: [{ filename: 'a.png', content: 'x', cid: 'a@b' }] }],
    ['only an invitation', { icalEvent: { content: 'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n' } }],
    ['a name with many spaces', { from: { name: `a${' '.repeat(60)}b`, address: 'a@b.example' } }],
  ])('read the same to mailparser: %s', async (_, input) => {
    const { ours, theirs } = await bothMeanings({
      from: 'a@example.com',
      to: 'b@example.com',
      subject: 'S',
      ...input,
    });
    expect(ours).toEqual(theirs);
  });
});
