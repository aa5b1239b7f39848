import { describe, expect, it } from '@jest/globals';
import { createMail } from '../../../lib/message/create-mail.js';
import { parseMail } from '../../../lib/message/mail-json.js';
import type { Mail } from '../../../lib/message/mail.js';
import { base, make, pathsOf } from './support.js';

const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const mail = createMail(
  {
    ...base,
    from: { name: 'Ünï "quoted", <x>', address: '"john smith"@bücher.example' },
    to: ['Ann <ann@example.com>', 'jörg@example.com', 'x@[IPv6:2001:DB8::1]'],
    bcc: 'secret@example.com',
    html: '<p>\r\n\u2028😀</p>',
    icalEvent: { content: 'BEGIN:VCALENDAR\r\n' },
    attachments: [
      { filename: 'ä.bin', content: bytes, contentType: 'a/b;  x="1 ; 2"' },
      { cid: 'logo', content: '' },
    ],
    headers: { 'X-A': ['1', 'ä'] },
    list: { unsubscribe: 'https://x.y/u', unsubscribePost: true },
    inReplyTo: 'a@b',
    references: '<a@b><c@d>',
    date: '2030-01-01',
    sendAt: new Date(Date.UTC(2030, 1, 1)),
    priority: 'low',
    dsn: { id: 'a+b=c', return: 'full', notify: 'never' },
    requireTLSExtensionEnabled: true,
    tags: ['a', 'ü'],
    metadata: { a: 'line\nline', constructor: 'x' },
    envelope: { from: '' },
  },
  { template: 'welcome' },
);
const stored = (): Record<string, unknown> =>
  JSON.parse(JSON.stringify(mail)) as Record<string, unknown>;

describe('a trip through JSON', () => {
  it('gives the same mail, as text or parsed', () => {
    expect(parseMail(JSON.stringify(mail))).toStrictEqual(mail);
    expect(parseMail(stored())).toStrictEqual(mail);
    expect(JSON.stringify(parseMail(stored()))).toBe(JSON.stringify(mail));
  });

  it('keeps every byte, and writes bytes as base64', () => {
    expect(JSON.stringify(mail)).toContain(`"content":{"base64":"${bytes.toString('base64')}"}`);
    const { content } = parseMail(stored()).attachments[0]!;
    expect(Buffer.isBuffer(content)).toBe(true);
    expect(content.equals(bytes)).toBe(true);
  });

  it('freezes again, with what JSON.stringify needs', () => {
    const again = parseMail(parseMail(stored()));
    expect(Object.isFrozen(again)).toBe(true);
    expect(Object.isFrozen(again.envelope.to)).toBe(true);
    expect(Object.isFrozen(again.attachments[0])).toBe(true);
    expect(Object.keys(again.attachments[0]!)).not.toContain('toJSON');
    expect(JSON.stringify(again)).toBe(JSON.stringify(mail));
  });

  it('takes the mail itself and its structured clone', () => {
    expect(parseMail(mail)).toStrictEqual(mail);
    expect(parseMail(structuredClone(mail))).toStrictEqual(mail);
  });

  it('has no limit of size of its own', () => {
    const large = make({ text: 'x'.repeat(30 << 20) }, { maxBytes: 40 << 20 });
    expect(parseMail(JSON.stringify(large)).text).toHaveLength(30 << 20);
  });
});

describe('a stored mail written by hand', () => {
  const change = (edit: (json: Record<string, unknown>) => void): Record<string, unknown> => {
    const json = stored();
    edit(json);
    return json;
  };
  const attachment = (fields: object) =>
    change((json) => {
      json['attachments'] = [{ contentType: 'a/b', disposition: 'attachment', ...fields }];
    });

  it.each<[string, unknown, string[]]>([
    ['text that is no JSON', '{', ['mail']],
    ['JSON of JSON', JSON.stringify(JSON.stringify(mail)), ['mail']],
    ['nothing', undefined, ['mail']],
    ['null', null, ['mail']],
    ['an array', [mail], ['mail']],
    ['no id', change((json) => delete json['id']), ['id']],
    ['a bad id', change((json) => (json['id'] = '../x')), ['id']],
    ['no createdAt', change((json) => delete json['createdAt']), ['createdAt']],
    ['no messageId', change((json) => delete json['messageId']), ['messageId']],
    ['a bad messageId', change((json) => (json['messageId'] = '<a@b>\r\nX: y')), ['messageId']],
    ['no envelope', change((json) => delete json['envelope']), ['envelope']],
    ['no from', change((json) => delete json['from']), ['from']],
    ['an unknown field', change((json) => (json['raw'] = 'x')), ['raw']],
    ['a field of a message', change((json) => (json['list'] = {})), ['list']],
    [
      'an ESMTP parameter',
      change((json) => (json['envelope'] = { from: '', to: ['a@x.y'], size: '1\r\nDATA' })),
      ['envelope.size'],
    ],
    [
      'an injected recipient',
      change((json) => (json['envelope'] = { from: '', to: ['a@x.y>\r\nRCPT TO:<e@x.y'] })),
      ['envelope.to[0]'],
    ],
    ['an injected subject', change((json) => (json['subject'] = 'a\r\nBcc: x')), ['subject']],
    ['a body from a file', change((json) => (json['html'] = { path: '/etc/passwd' })), ['html']],
    [
      'an injected header',
      change((json) => (json['headers'] = [{ name: 'X', value: 'a\r\nb' }])),
      ['headers[0]'],
    ],
    [
      'a header of ours',
      change((json) => (json['headers'] = [{ name: 'Bcc', value: 'a' }])),
      ['headers[0]'],
    ],
    [
      'an unknown field of a header',
      change((json) => (json['headers'] = [{ name: 'X', value: 'a', prepared: true }])),
      ['headers[0].prepared'],
    ],
    ['a header that is none', change((json) => (json['headers'] = ['X: a'])), ['headers[0]']],
    [
      'a path',
      attachment({ path: '/etc/passwd' }),
      ['attachments[0].path', 'attachments[0].content'],
    ],
    [
      'a path beside content',
      attachment({ content: { base64: '' }, path: '/etc/passwd' }),
      ['attachments[0].path'],
    ],
    [
      'an href beside content',
      attachment({ content: { base64: '' }, href: 'http://127.0.0.1' }),
      ['attachments[0].href'],
    ],
    [
      'a path as content',
      attachment({ content: { base64: '', path: '/etc/passwd' } }),
      ['attachments[0].content.path'],
    ],
    [
      'bytes that are no base64',
      attachment({ content: { base64: '*' } }),
      ['attachments[0].content'],
    ],
    ['content as text', attachment({ content: 'eA==' }), ['attachments[0].content']],
    [
      'content as an old Buffer',
      attachment({ content: { type: 'Buffer', data: [1] } }),
      ['attachments[0].content'],
    ],
    [
      '__proto__',
      JSON.stringify(stored()).replace('{', '{"__proto__":{"path":"x"},'),
      ['__proto__'],
    ],
    [
      '__proto__ within',
      JSON.stringify(stored()).replace('"envelope":{', '"envelope":{"__proto__":{"to":["e@x.y"]},'),
      ['envelope.__proto__'],
    ],
  ])('%s', (_, json, paths) => {
    expect(pathsOf(() => parseMail(json))).toEqual(paths);
  });

  it('may lack what is empty', () => {
    const empty = ['cc', 'replyTo', 'references', 'tags', 'metadata', 'headers'];
    const json = Object.fromEntries(
      Object.entries(stored()).filter(([key]) => !empty.includes(key)),
    );
    const read: Mail = parseMail(json);
    expect([read.cc, read.replyTo, read.references, read.tags, read.headers]).toEqual([
      [],
      [],
      [],
      [],
      [],
    ]);
    expect(read.metadata).toEqual({});
  });
});
