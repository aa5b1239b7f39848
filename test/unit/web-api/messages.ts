import fc from '../../fixtures/fast-check.js';
import type { MailMessage } from '../../../lib/message/message.js';

/** Text without controls, with what makes trouble: quotes, low bytes of CR and LF, emoji, JSON's own. */
const text = (maxLength: number) =>
  fc
    .string({
      unit: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(...Array.from('abc XYZ 019-_.!?')) },
        fc.constantFrom(
          ...Array.from('äßéЖ中한\u760d\u760a\u2028'),
          '👩‍👩‍👧',
          '\\',
          '"',
          "'",
          '<',
          '>',
          '{',
          '`',
          '/',
        ),
      ),
      minLength: 1,
      maxLength,
    })
    .map((value) => value.trim())
    .filter((value) => value !== '');

const body = fc.oneof(text(200), fc.constant('line\r\n.\r\nline\n..\n\ttab'));
const atom = fc.stringMatching(/^[a-z0-9][a-z0-9_+-]{0,15}$/);
const domain = fc.constantFrom(
  'example.com',
  'mail.example.net',
  'xn--mller-kva.example',
  'a.b.c.test',
);
const address = fc.tuple(atom, domain).map(([local, host]) => `${local}@${host}`);
const messageId = fc.tuple(atom, domain).map(([left, host]) => `<${left}@${host}>`);

/** SendGrid refuses `;` and `,` there, and our text has neither. */
const person = fc.record({ name: text(40), address }, { requiredKeys: ['address'] });

const attachment = fc.record(
  {
    filename: text(30).map((name) => `${name.replace(/[\\/]/g, '_')}.bin`),
    content: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    contentType: fc.constantFrom(
      'application/pdf',
      'image/png',
      'text/plain',
      'application/octet-stream',
    ),
    cid: atom,
    contentDisposition: fc.constantFrom('attachment' as const, 'inline' as const),
  },
  { requiredKeys: ['filename', 'content', 'contentType'] },
);

const headers = fc.dictionary(
  atom.map((name) => `X-${name}`),
  fc.stringMatching(/^[A-Za-z0-9 ;,:="<>()/-]{1,60}$/).map((value) => value.trim() || 'x'),
  { maxKeys: 4 },
);

/** Header names are one whatever their case; our door and SendGrid both say so. */
const distinct = (record: Record<string, string>): boolean =>
  new Set(Object.keys(record).map((name) => name.toLowerCase())).size ===
  Object.keys(record).length;

const metadata = fc.dictionary(atom, text(40), { maxKeys: 5 });

/** Messages that SendGrid can carry: every field, everything else left to chance. */
export function sendableMessages(now: number): fc.Arbitrary<MailMessage> {
  const recipients = fc
    .uniqueArray(person, { selector: ({ address: it }) => it, minLength: 1, maxLength: 12 })
    .chain((people) =>
      fc.tuple(fc.nat({ max: people.length - 1 }), fc.nat({ max: people.length })).map(([a, b]) => {
        const toEnd = a + 1;
        const ccEnd = Math.max(toEnd, b);
        return {
          to: people.slice(0, toEnd),
          cc: people.slice(toEnd, ccEnd),
          bcc: people.slice(ccEnd),
        };
      }),
    );
  const fields = fc.record(
    {
      from: person,
      replyTo: fc.uniqueArray(person, {
        selector: ({ address: it }) => it,
        minLength: 1,
        maxLength: 3,
      }),
      subject: text(80),
      text: body,
      html: body,
      amp: body,
      icalEvent: fc.record({
        method: fc.constantFrom('REQUEST' as const, 'CANCEL' as const, 'PUBLISH' as const),
        content: body,
      }),
      attachments: fc.uniqueArray(attachment, {
        maxLength: 3,
        // A message whose parts share a cid does not come through the door.
        selector: ({ cid }) => cid ?? Symbol(),
      }),
      headers: headers.filter(distinct),
      inReplyTo: messageId,
      references: fc.uniqueArray(messageId, { minLength: 1, maxLength: 3 }),
      priority: fc.constantFrom('high' as const, 'normal' as const, 'low' as const),
      tags: fc.uniqueArray(text(20), { maxLength: 10 }),
      metadata,
      sendAt: fc
        .integer({ min: 1, max: 72 * 3600 })
        .map((seconds) => new Date(Math.floor(now / 1000) * 1000 + seconds * 1000)),
    },
    { requiredKeys: ['from', 'subject', 'text'] },
  );
  return fc.tuple(recipients, fields).map(([people, rest]) => ({ ...rest, ...people }));
}
