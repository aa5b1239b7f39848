import { describe, expect, it } from '@jest/globals';
import fc from '../../fixtures/fast-check.js';
import { MailValidationError } from '../../../lib/base/errors.js';
import { createMail } from '../../../lib/message/create-mail.js';
import type { Mail } from '../../../lib/message/mail.js';
import { composeMime } from '../../../lib/message/mime/compose.js';

const honest = createMail({
  from: 'Shop <hello@shop.example>',
  to: 'jo@example.com',
  subject: 'Hello',
  html: '<img src="cid:logo">',
});
const file = {
  filename: 'a.png',
  contentType: 'image/png',
  content: Buffer.from('x'),
  cid: 'logo',
  disposition: 'inline',
} as const;

/** Each puts `text` where a caller that went around the door could put it. */
const PLACES: Record<string, (text: string) => Partial<Mail>> = {
  id: (text) => ({ id: text }),
  'from.name': (text) => ({ from: { name: text, address: 'a@example.com' } }),
  'from.address': (text) => ({ from: { address: text } }),
  'from.address local part': (text) => ({ from: { address: `${text}@example.com` } }),
  'from.address domain': (text) => ({ from: { name: 'A', address: `a@${text}` } }),
  'from.address quoted': (text) => ({ from: { name: 'A', address: `"${text}"@example.com` } }),
  'from.address literal': (text) => ({ from: { name: 'A', address: `a@[${text}]` } }),
  sender: (text) => ({ sender: { address: `${text}@example.com` } }),
  'to.name': (text) => ({ to: [{ name: text, address: 'a@example.com' }] }),
  cc: (text) => ({ cc: [{ address: `${text}@example.com` }] }),
  replyTo: (text) => ({ replyTo: [{ name: text, address: 'a@example.com' }] }),
  subject: (text) => ({ subject: `a${text}b` }),
  'header name': (text) => ({ headers: [{ name: `X-${text}`, value: 'a' }] }),
  'header value': (text) => ({ headers: [{ name: 'X-Name', value: `a${text}b` }] }),
  'list value': (text) => ({ headers: [{ name: 'List-Help', value: `<a>${text}(b)` }] }),
  'list url': (text) => ({ headers: [{ name: 'List-Help', value: `<a${text}b>` }] }),
  'list comment': (text) => ({ headers: [{ name: 'List-Help', value: `<a> (b${text}c)` }] }),
  messageId: (text) => ({ messageId: `<a${text}@example.com>` }),
  inReplyTo: (text) => ({ inReplyTo: `<a${text}@example.com>` }),
  references: (text) => ({ references: ['<a@b>', `<a${text}@example.com>`] }),
  date: (text) => ({ date: `2026-01-01T00:00:00.000Z${text}` }),
  createdAt: (text) => ({ createdAt: `2026-01-01T00:00:00${text}` }),
  'icalEvent.method': (text) => ({ icalEvent: { method: `REQUEST${text}`, content: '' } }),
  filename: (text) => ({ attachments: [{ ...file, filename: `a${text}b.png` }] }),
  cid: (text) => ({ attachments: [{ ...file, cid: `a${text}b` }] }),
};
const ATTACKS = [
  '\r\nBcc: x@evil.example',
  '\nX: y',
  '\rX: y',
  '\0',
  '\r\n\r\nbody',
  'ж\r\nX: y',
  'ж\0',
];

const cases = Object.entries(PLACES).flatMap(([place, put]) =>
  ATTACKS.map((attack) => [place, JSON.stringify(attack), put(attack)] as const),
);

describe('a mail that went around the door', () => {
  it.each(cases)('cannot break out of %s with %s', (_place, _attack, fields) => {
    expect(() => composeMime({ ...honest, ...fields })).toThrow(MailValidationError);
  });

  it.each(ATTACKS)('nor out of a content type with %j', (attack) => {
    const attachments = [{ ...file, contentType: `image/png${attack}` }];
    expect(() => composeMime({ ...honest, attachments })).toThrow(MailValidationError);
  });

  it('names the field and the fix', () => {
    expect(() => composeMime({ ...honest, subject: 'a\r\nb' })).toThrow(/subject: .*createMail/s);
  });

  it('composes the next mail as if nothing had happened', () => {
    const { bytes } = composeMime(honest);
    expect(() => composeMime({ ...honest, attachments: [{ ...file, cid: 'a b' }] })).toThrow();
    expect(composeMime(honest).bytes.equals(bytes)).toBe(true);
  });

  it.each([
    'From',
    'to',
    'BCC',
    'Subject',
    'Content-Type',
    'content-anything',
    'Date',
    'Message-Id',
  ])('cannot add a second %s', (name) => {
    const headers = [{ name, value: 'x' }];
    expect(() => composeMime({ ...honest, headers })).toThrow(MailValidationError);
  });

  it.each([
    'a@b.example, c@d.example',
    'a@b.example> <c@d.example',
    'a b@c.example',
    '@',
    '',
    'a@b@c',
  ])('cannot make %j read as other addresses', (address) => {
    expect(() => composeMime({ ...honest, to: [{ address }] })).toThrow(MailValidationError);
  });

  it('gets no line over 998 bytes', () => {
    const long = `<${'x'.repeat(1000)}@example.com>`;
    expect(() => composeMime({ ...honest, messageId: long })).toThrow(/998/);
    const list = [{ name: 'List-Help', value: `<https://${'x'.repeat(1000)}>` }];
    expect(() => composeMime({ ...honest, headers: list })).toThrow(/998/);
  });

  it('adds no header line, whatever the text (U+760D and U+760A among it)', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom('\u760d', '\u760a', ' ', '\r', '\n', '"', '?='),
        fc.string({ unit: 'binary', maxLength: 1 }),
      ),
    });
    const count = (mail: Mail): number => {
      const source = composeMime(mail).bytes.toString('latin1');
      expect(source).not.toMatch(/\r(?!\n)|(?<!\r)\n|\0/);
      return [...source.slice(0, source.indexOf('\r\n\r\n')).matchAll(/^\S/gm)].length;
    };
    fc.assert(
      fc.property(
        text,
        fc.constantFrom('from.name', 'header value', 'subject', 'filename'),
        (value, place) => {
          const fields = PLACES[place]!(value);
          const expected = count({ ...honest, ...PLACES[place]!('plain') });
          let lines: number;
          try {
            lines = count({ ...honest, ...fields });
          } catch (error) {
            expect(error).toBeInstanceOf(MailValidationError);
            return;
          }
          expect(lines).toBe(expected);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
