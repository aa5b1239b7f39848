import { describe, expect, it } from '@jest/globals';
import fc from '../../fixtures/fast-check.js';
import { simpleParser } from 'mailparser';
import { createMail } from '../../../lib/message/create-mail.js';
import { parseMail } from '../../../lib/message/mail-json.js';
import type { MailMessage } from '../../../lib/message/message.js';
import { composeMime, type ComposeOptions } from '../../../lib/message/mime/compose.js';
import { message } from '../../fixtures/mail-corpus.js';

const minimal: MailMessage = { from: 'a@example.com', to: 'b@example.com', subject: 'S' };

function compose(input: Partial<MailMessage>, options?: ComposeOptions) {
  return composeMime(createMail({ ...minimal, ...input }), options);
}

function headerOf(bytes: Buffer): string {
  const source = bytes.toString();
  return source.slice(0, source.indexOf('\r\n\r\n') + 2);
}

/** The longest line, of bytes, without its CRLF. */
function longestLine(bytes: Buffer): number {
  return Math.max(
    ...bytes
      .toString('latin1')
      .split('\r\n')
      .map((line) => line.length),
  );
}

describe('composed bytes', () => {
  it('keep the rules of the wire over a generated corpus', () => {
    fc.assert(
      fc.property(message, fc.boolean(), (input, eightBit) => {
        const mail = createMail(input);
        const { bytes, has8bit, smtputf8 } = composeMime(mail, { eightBit });
        const source = bytes.toString('latin1');
        expect(source).not.toMatch(/\r(?!\n)|(?<!\r)\n|\0/);
        expect(source.endsWith('\r\n')).toBe(true);
        expect(longestLine(bytes)).toBeLessThanOrEqual(998);
        expect(has8bit).toBe(bytes.some((byte) => byte > 127));
        if (!eightBit) expect(has8bit).toBe(false);
        expect(smtputf8).toBe(false);
        const header = headerOf(bytes);
        expect(Buffer.byteLength(header)).toBe(header.length);
        expect(header).not.toMatch(/hidden@example\.com|^Bcc/im);
        // Every line of the header is a field or goes on with one, and none is white space alone.
        for (const line of header.slice(0, -2).split('\r\n')) {
          expect(line).toMatch(/^(?:[!-9;-~]+: ?| )\S|^[!-9;-~]+:$/);
        }
        // The same bytes again, and after storage.
        expect(composeMime(mail, { eightBit }).bytes.equals(bytes)).toBe(true);
        const stored = parseMail(JSON.parse(JSON.stringify(mail)));
        expect(composeMime(stored, { eightBit }).bytes.equals(bytes)).toBe(true);
      }),
      { numRuns: 500 },
    );
  }, 60_000);

  it('fold header lines at 76 characters wherever there is white space', () => {
    const to = Array.from({ length: 200 }, (_, i) => `Person Number ${i} <p${i}@example.com>`);
    const { bytes } = compose({
      to,
      subject: 'Żółć und Grüße '.repeat(40),
      headers: { 'X-Words': 'word '.repeat(300) },
    });
    for (const line of headerOf(bytes).split('\r\n')) expect(line.length).toBeLessThanOrEqual(76);
  });

  it('put nodemailer’s header order on the wire', () => {
    const { bytes } = compose({
      sender: 's@example.com',
      cc: 'c@example.com',
      replyTo: 'r@example.com',
      inReplyTo: '<q@example.com>',
      references: '<q@example.com>',
      priority: 'high',
      headers: { 'X-First': '1' },
      text: 'Hi',
    });
    const names = [...headerOf(bytes).matchAll(/^([!-9;-~]+):/gm)].map(([, name]) => name);
    expect(names.join(' ')).toBe(
      'X-First From Sender To Cc Reply-To In-Reply-To References Subject Message-ID Date ' +
        'X-Priority X-MSMail-Priority Importance MIME-Version Content-Type Content-Transfer-Encoding',
    );
  });

  it('stay what they are while other mails use the composer’s buffer', () => {
    const both = (line: string, size: number): Buffer =>
      compose({ text: line.repeat(size / 5), html: line.repeat(size / 5) }).bytes;
    const sizes = [10, 3000, 9000, 15_000, 19_000, 33_000, 63_000, 66_000, 140_000, 20];
    const bytes = sizes.map((size) => both('body\n', size));
    const copies = bytes.map((own) => Buffer.from(own));
    for (const size of sizes) both('else\n', size);
    expect(bytes.every((own, i) => own.equals(copies[i]!))).toBe(true);
  });

  it('carry large bodies and attachments whole', async () => {
    const content = Buffer.alloc(3_000_000, 'large \0 content\r\n');
    const text = 'Zeile mit Umlauten äöü\n'.repeat(50_000);
    const { bytes } = compose({ text, html: text, attachments: [{ filename: 'a.bin', content }] });
    const parsed = await simpleParser(bytes);
    expect(parsed.text).toBe(text);
    expect(parsed.attachments[0]?.content.equals(content)).toBe(true);
    const base64 = content.toString('base64').replace(/.{76}(?=.)/g, '$&\r\n');
    expect(bytes.includes(`\r\n\r\n${base64}\r\n--`)).toBe(true);
  });
});

describe('SMTPUTF8', () => {
  it('is only asked for by a UTF-8 local part', async () => {
    const { bytes, smtputf8, has8bit } = compose({ to: 'Jürgen <jürgen@münchen.example>' });
    expect({ smtputf8, has8bit }).toEqual({ smtputf8: true, has8bit: true });
    expect(headerOf(bytes)).toContain('<jürgen@xn--mnchen-3ya.example>');
    expect((await simpleParser(bytes)).to).toMatchObject({ value: [{ name: 'Jürgen' }] });
    expect(compose({ to: 'Jürgen <juergen@münchen.example>' }).smtputf8).toBe(false);
  });

  it('is asked for by the envelope alone', () => {
    const { smtputf8, has8bit } = compose({ bcc: 'jürgen@example.com' });
    expect({ smtputf8, has8bit }).toEqual({ smtputf8: true, has8bit: false });
    expect(compose({ envelope: { from: 'ü@example.com' } }).smtputf8).toBe(true);
  });
});

describe('transfer encoding', () => {
  const encodingOf = (text: string, options?: ComposeOptions): string | undefined =>
    /^Content-Transfer-Encoding: (.*)\r$/m.exec(compose({ text }, options).bytes.toString())?.[1];

  it.each([
    ['short ASCII lines', 'Hello\nworld', '7bit'],
    ['a line of 78', 'x'.repeat(78), '7bit'],
    ['a line of 79', 'x'.repeat(79), 'quoted-printable'],
    ['a line of 79 that is not the last', `${'x'.repeat(79)}\nend`, 'quoted-printable'],
    ['a control character', 'a\u0001b', 'quoted-printable'],
    ['DEL', 'abc\u007fdef', 'quoted-printable'],
    ['TAB', 'a\tb', '7bit'],
    ['From at the start', 'From me\nto you', 'quoted-printable'],
    ['From at a line', 'Hi\nFrom me', 'quoted-printable'],
    ['From without its space', 'Hi\nFrom', '7bit'],
    ['what may be our boundary', 'Hi\n--=_x', 'quoted-printable'],
    ['some accents', 'Grüße aus dem schönen Städtchen', 'quoted-printable'],
    ['Cyrillic', 'Привет, мир', 'base64'],
    ['emoji', '🎉🎉🎉', 'base64'],
  ])('of %s', (_, text, encoding) => {
    expect(encodingOf(text)).toBe(encoding);
  });

  it('is 8bit only when that is welcome and the lines are short', () => {
    expect(encodingOf('Grüße', { eightBit: true })).toBe('8bit');
    expect(encodingOf(`Grüße ${'x'.repeat(90)}`, { eightBit: true })).toBe('quoted-printable');
    expect(compose({ text: 'Grüße' }, { eightBit: true }).has8bit).toBe(true);
    expect(compose({ text: 'Gruesse' }, { eightBit: true }).has8bit).toBe(false);
  });

  it('keeps quoted-printable lines at 76, whole characters, and no line that needs help', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom('é', ' ', '\t', '.', 'x', '=', '\n', 'From ', '漢', '🎉', 'yyyyyyy'),
        ),
        (pieces) => {
          const text = `é${pieces.join('')}${'ascii text '.repeat(pieces.length * 3)}`;
          const source = compose({ text }).bytes.toString();
          fc.pre(source.includes('quoted-printable'));
          const body = source.slice(source.indexOf('\r\n\r\n') + 4);
          for (const line of body.split('\r\n')) {
            expect(line.length).toBeLessThanOrEqual(76);
            expect(line).not.toMatch(/^\.|^From |[ \t]$/);
            const bytes = line
              .replace(/=$/, '')
              .replace(/=(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
            expect(() =>
              new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bytes, 'latin1')),
            ).not.toThrow();
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
