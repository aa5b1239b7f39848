import { describe, expect, it } from '@jest/globals';
import type { Mail } from '../../../lib/message/mail.js';
import type { MailMessage } from '../../../lib/message/message.js';
import { findLimit } from '../../../lib/transports/web-api/sendgrid/sendgrid-limits.js';
import { SendGridProvider } from '../../../lib/transports/web-api/sendgrid/sendgrid.provider.js';
import { isFault } from '../../../lib/transports/web-api/web-api.provider.js';
import { testMail } from '../../fixtures/mail.js';

const NOW = Date.now();
const HOUR = 3_600_000;

const people = (count: number, start = 0): string[] =>
  Array.from({ length: count }, (_, index) => `p${start + index}@example.com`);
const file = { filename: 'a.txt', content: 'a', contentType: 'text/plain' };

const provider = new SendGridProvider({
  apiKey: 'SG.key',
  baseUrl: new URL('https://api.sendgrid.com'),
  sandbox: false,
});

describe('what SendGrid cannot carry is an error that names the field', () => {
  const messages: [string, MailMessage, string][] = [
    ['another reverse-path', { envelope: { from: 'bounce@example.com' } }, 'envelope.from'],
    ['the null reverse-path', { envelope: { from: '' } }, 'envelope.from'],
    ['fewer recipients', { to: people(2), envelope: { to: people(1) } }, 'envelope.to'],
    ['more recipients', { to: people(1), envelope: { to: people(2) } }, 'envelope.to'],
    ['other recipients', { to: 'a@x.test', envelope: { to: 'b@x.test' } }, 'envelope.to'],
    ['no `to`', { to: [], bcc: 'a@x.test' }, 'to'],
    ['an address twice', { to: 'a@x.test', cc: ['b@x.test', 'a@x.test'] }, 'cc[1]'],
    ['an address twice in other case', { to: 'a@x.test', bcc: 'A@x.test' }, 'bcc[0]'],
    ['`,` in a name', { to: { name: 'Doe, Jo', address: 'a@x.test' } }, 'to[0].name'],
    ['`;` in a name', { cc: { name: 'a;b', address: 'c@x.test' } }, 'cc[0].name'],
    ['an address that is not ASCII', { to: 'jörg@x.test' }, 'to[0]'],
    ['an empty subject', { subject: '' }, 'subject'],
    ['an empty text', { text: '', html: '<p>a</p>' }, 'text'],
    ['an empty html', { html: '' }, 'html'],
    ['a file without a name', { attachments: [{ content: 'a' }] }, 'attachments[0].filename'],
    ['an empty file', { attachments: [file, { ...file, content: '' }] }, 'attachments[1].content'],
    [
      'a media type with parameters',
      { attachments: [{ ...file, contentType: 'text/plain; charset=utf-16' }] },
      'attachments[0].contentType',
    ],
    ['two values of a header', { headers: { 'X-A': ['1', '2'] } }, 'headers.X-A'],
    ['SendGrid’s own header', { headers: { 'X-SG-EID': 'a' } }, 'headers.X-SG-EID'],
    ['11 tags', { tags: Array.from({ length: 11 }, (_, index) => `t${index}`) }, 'tags'],
    ['much metadata', { metadata: { a: 'ä'.repeat(5000) } }, 'metadata'],
    ['sendAt in four days', { sendAt: new Date(NOW + 73 * HOUR) }, 'sendAt'],
  ];

  it('1,001 recipients, which the door has refused since, in a mail that was stored before', () => {
    const mail = testMail({ to: people(600), cc: people(400, 600) });
    const more = { address: 'z@x.test', name: '' };
    const stored = {
      ...mail,
      bcc: [more],
      envelope: { ...mail.envelope, to: [...mail.envelope.to, more.address] },
    };
    expect(provider.request(stored)).toMatchObject({ code: 'MAIL_UNSUPPORTED' });
  });

  it.each(messages)('%s', (_, message, field) => {
    const mail = testMail(message);
    const fault = provider.request(mail);
    expect(fault).toMatchObject({
      code: 'MAIL_UNSUPPORTED',
      disposition: 'permanent',
      fault: 'message',
      stage: 'request',
      message: expect.stringContaining(`\`${field}\``),
    });
  });

  const base = testMail();
  const bytes = (size: number) => ({
    filename: 'a',
    contentType: 'a/b',
    content: Buffer.alloc(size),
    disposition: 'attachment' as const,
  });
  const mails: [string, Partial<Mail>, string][] = [
    ['no body at all', { text: undefined }, 'text'],
    ['30 MB of files', { attachments: [bytes(12e6), bytes(12e6)] }, 'attachments'],
    ['30 MB of text', { text: 'x'.repeat(30 * 1024 * 1024) }, 'attachments'],
    ['a long tag', { tags: ['x'.repeat(256)] }, 'tags'],
    ['CRLF in a header', { headers: [{ name: 'X-A', value: 'a\r\nBcc: b' }] }, 'headers.X-A'],
    ['CRLF in a Message-ID', { messageId: '<a@b>\r\nBcc: c' }, 'headers.Message-ID'],
    ['CRLF in a header’s name', { headers: [{ name: 'X\r\nY', value: 'a' }] }, 'headers.X\r\nY'],
    [
      'a header that we set',
      { headers: [{ name: 'message-id', value: 'a' }] },
      'headers.message-id',
    ],
  ];

  // What the door refuses already, or only its limits do.
  it.each(mails)('%s, in a mail that came by another way', (_, part, field) => {
    const fault = provider.request({ ...base, ...part });
    expect(fault).toMatchObject({ code: 'MAIL_UNSUPPORTED' });
    expect((fault as { message: string }).message).toContain(`\`${field}\``);
  });

  it.each<[string, MailMessage]>([
    ['1,000 recipients', { to: people(600), cc: people(400, 600) }],
    ['a sender, whose address is then the reverse-path', { sender: 'bot@x.test' }],
    [
      'recipients in the envelope in another order',
      { to: people(2), envelope: { to: people(2).reverse() } },
    ],
    ['an address twice in replyTo', { replyTo: ['a@x.test', 'b@x.test'] }],
    ['`,` in the name of from', { from: { name: 'Doe, Jo', address: 'a@x.test' } }],
    ['html alone', { text: undefined, html: '<p>a</p>' }],
    [
      'an invitation as a file',
      { attachments: [{ ...file, contentType: 'text/calendar; method=REQUEST' }] },
    ],
    ['10 tags of 255', { tags: Array.from({ length: 10 }, (_, index) => `${index}`.repeat(255)) }],
    ['sendAt in 71 hours', { sendAt: new Date(NOW + 71 * HOUR) }],
    ['sendAt in the past', { sendAt: new Date(0) }],
  ])('carries %s', (_, message) => {
    expect(findLimit(testMail(message), NOW)).toBeUndefined();
    expect(isFault(provider.request(testMail(message)))).toBe(false);
  });
});
