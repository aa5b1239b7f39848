import { describe, expect, it } from '@jest/globals';
import fc from '../../fixtures/fast-check.js';
import { MailValidationError } from '../../../lib/base/errors.js';
import { createMail } from '../../../lib/message/create-mail.js';
import { MESSAGE_FIELDS } from '../../../lib/message/read/fields.js';
import { parseMail } from '../../../lib/message/mail-json.js';
import type { Mail } from '../../../lib/message/mail.js';
import { CONTROL, base, fieldStrings, make, pathsOf } from './support.js';

/** Every field that becomes part of a header or of the envelope, with a bad text put into it. */
const places: Record<string, (bad: string) => object> = {
  from: (bad) => ({ from: `Jo ${bad} <jo@x.y>` }),
  'from.name': (bad) => ({ from: { name: `Jo${bad}`, address: 'jo@x.y' } }),
  'from.address': (bad) => ({ from: { address: `jo${bad}@x.y` } }),
  sender: (bad) => ({ sender: `jo@x${bad}.y` }),
  'to[1]': (bad) => ({ to: ['a@x.y', `"J${bad}o" <jo@x.y>`] }),
  cc: (bad) => ({ cc: `a@x.y, b@x${bad}y` }),
  bcc: (bad) => ({ bcc: `"a${bad}"@x.y` }),
  'replyTo.name': (bad) => ({ replyTo: { name: bad, address: 'a@x.y' } }),
  subject: (bad) => ({ subject: `Hi${bad}Bcc: e@x.y` }),
  'headers.X-A': (bad) => ({ headers: { 'X-A': `a${bad}b` } }),
  'headers[0]': (bad) => ({ headers: [{ key: `X${bad}A`, value: 'b' }] }),
  'list.help.comment': (bad) => ({ list: { help: { url: 'a@x.y', comment: `a${bad}b` } } }),
  'list.help.url': (bad) => ({ list: { help: { url: `https://x.y/${bad}` } } }),
  'list.unsubscribe': (bad) => ({ list: { unsubscribe: `a${bad}@x.y` } }),
  'list.id': (bad) => ({ list: { id: `a${bad}.b` } }),
  messageId: (bad) => ({ messageId: `<a${bad}@x.y>` }),
  inReplyTo: (bad) => ({ inReplyTo: `<a${bad}@x.y>` }),
  references: (bad) => ({ references: `<a@b> <a${bad}@x.y>` }),
  date: (bad) => ({ date: `2030-01-01${bad}` }),
  priority: (bad) => ({ priority: `high${bad}` }),
  'icalEvent.method': (bad) => ({ icalEvent: { method: `REQUEST${bad}`, content: '' } }),
  'attachments[0].filename': (bad) => ({ attachments: [{ content: '', filename: `a${bad}b` }] }),
  'attachments[0].contentType': (bad) => ({
    attachments: [{ content: '', contentType: `text/plain; name="a${bad}b"` }],
  }),
  'attachments[0].cid': (bad) => ({ attachments: [{ content: '', cid: `a${bad}b` }] }),
  'envelope.from': (bad) => ({ envelope: { from: `a@x.y${bad}SIZE=1` } }),
  'envelope.to': (bad) => ({ envelope: { to: `a@x.y>${bad}RCPT TO:<e@x.y` } }),
  'tags[0]': (bad) => ({ tags: [`a${bad}b`] }),
};

const bad = {
  CRLF: '\r\n',
  CR: '\r',
  LF: '\n',
  NUL: '\0',
  ESC: '\u001b',
  DEL: '\u007f',
  NEL: '\u0085',
  'a lone surrogate': '\ud800',
};

describe.each(Object.entries(places))('%s', (path, fields) => {
  it.each(Object.entries(bad))('refuses %s', (_, text) => {
    expect(pathsOf(() => make(fields(text)))).toEqual([path]);
  });
});

it('refuses line ends in a key of metadata and in any unknown field', () => {
  expect(pathsOf(() => make({ metadata: { 'a\r\nb': 'x' } }))).toEqual(['metadata["a\\r\\nb"]']);
  expect(pathsOf(() => make({ 'a\r\nb': 'x' }))).toEqual(['["a\\r\\nb"]']);
  expect(pathsOf(() => make({ headers: { 'a\r\nb': 'x' } }))).toEqual(['headers["a\\r\\nb"]']);
});

it.each(['size', 'use8BitMime', 'dsn', 'requireTLS', 'auth'])(
  'envelope.%s with CRLF is no ESMTP parameter (GHSA-c7w3-x93f-qmm8)',
  (key) => {
    const envelope = { from: 'a@x.y', to: 'b@x.y', [key]: '1\r\nRCPT TO:<e@x.y>' };
    expect(pathsOf(() => make({ envelope }))).toEqual([`envelope.${key}`]);
  },
);

it('reads no file and no URL (GHSA-wqvq-jvpq-h66f, GHSA-p6gq-j5cr-w38f)', () => {
  expect(pathsOf(() => make({ raw: { path: '/etc/passwd' } }))).toEqual(['raw']);
  for (const field of ['text', 'html', 'amp', 'subject']) {
    expect(pathsOf(() => make({ [field]: { path: '/etc/passwd' } }))).toEqual([field]);
    expect(pathsOf(() => make({ [field]: { href: 'http://127.0.0.1' } }))).toEqual([field]);
  }
  expect(pathsOf(() => make({ icalEvent: { content: { path: '/etc/passwd' } } }))).toEqual([
    'icalEvent.content',
  ]);
  const nested = { content: { raw: { path: '/etc/passwd' } } };
  expect(pathsOf(() => make({ attachments: [nested] }))).toEqual(['attachments[0].content']);
  expect(pathsOf(() => make({ alternatives: [{ path: '/etc/passwd' }] }))).toEqual([
    'alternatives',
  ]);
});

it('long data: URIs are only text (GHSA-9h6g-pr28-7cqp)', () => {
  const html = `<img src="data:${';'.repeat(200_000)}${'a=b;'.repeat(100_000)}">`;
  expect(make({ html }).html).toBe(html);
  expect(pathsOf(() => make({ attachments: [{ path: `data:${','.repeat(100_000)}` }] }))).toEqual([
    'attachments[0].path',
  ]);
});

it('characters whose low byte is CR or LF stay whole (CVE-2025-7962)', () => {
  const text = '瘍瘊ഊč Ċ';
  const mail = make({
    from: { name: text, address: '瘍@x.y' },
    subject: text,
    headers: { 'X-A': text },
    attachments: [{ content: '', filename: text }],
  });
  expect(mail.from).toEqual({ name: text, address: '瘍@x.y' });
  expect([mail.subject, mail.headers[0]!.value, mail.attachments[0]!.filename]).toEqual([
    text,
    text,
    text,
  ]);
  expect(parseMail(JSON.stringify(mail))).toEqual(mail);
});

describe('__proto__ and constructor', () => {
  const poison =
    '"__proto__":{"polluted":1,"path":"/etc/passwd"},"constructor":{"prototype":{"polluted":1}}';

  it.each([
    [`{${poison}}`, ['__proto__', 'constructor']],
    [`{"to":{"address":"a@x.y",${poison}}}`, ['to.__proto__', 'to.constructor']],
    [`{"envelope":{${poison}}}`, ['envelope.__proto__', 'envelope.constructor']],
    [`{"list":{${poison}}}`, ['list.__proto__', 'list.constructor']],
    [`{"headers":{${poison}}}`, ['headers.__proto__', 'headers.constructor']],
    [`{"metadata":{${poison}}}`, ['metadata.__proto__', 'metadata.constructor']],
    [`{"metadata":{"__proto__":"x"}}`, ['metadata.__proto__']],
    [
      `{"attachments":[{"content":"",${poison}}]}`,
      ['attachments[0].__proto__', 'attachments[0].constructor'],
    ],
    [`{"icalEvent":{"content":"",${poison}}}`, ['icalEvent.__proto__', 'icalEvent.constructor']],
  ])('%s', (json, paths) => {
    const message = { ...base };
    for (const [key, value] of Object.entries(JSON.parse(json) as object)) {
      Object.defineProperty(message, key, { value, enumerable: true, configurable: true });
    }
    expect(pathsOf(() => createMail(message))).toEqual(paths);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('metadata may be named constructor', () => {
    expect(make({ metadata: { constructor: 'x' } }).metadata).toEqual({ constructor: 'x' });
  });

  it('what somebody put on Object.prototype is not read', () => {
    const prototype = Object.prototype as unknown as Record<string, unknown>;
    prototype['bcc'] = 'evil@x.y';
    prototype['path'] = '/etc/passwd';
    try {
      const mail = make({ attachments: [{ content: 'x' }] });
      expect(mail.envelope.to).toEqual(['ann@example.com']);
      expect(mail.bcc).toEqual([]);
    } finally {
      delete prototype['bcc'];
      delete prototype['path'];
    }
  });
});

describe('whatever goes in', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ maxLength: 20 }),
    fc.constantFrom('a@x.y', 'Jo <jo@x.y>', 'a\r\nb', '\0', 'x@y\n', '\ud800', '<a@b>', '', ' '),
  );
  const value = fc.oneof(
    nasty,
    fc.array(nasty, { maxLength: 3 }),
    fc.record({ name: nasty, address: nasty }, { requiredKeys: [] }),
    fc.dictionary(nasty, nasty, { maxKeys: 3 }),
    fc.array(fc.record({ key: nasty, value: nasty }), { maxLength: 3 }),
    fc.array(
      fc.record(
        { filename: nasty, content: nasty, cid: nasty, contentType: nasty },
        { requiredKeys: ['content'] },
      ),
      { maxLength: 2 },
    ),
    fc.record({ from: nasty, to: fc.array(nasty, { maxLength: 2 }) }, { requiredKeys: [] }),
    fc.anything(),
    fc.date({ noInvalidDate: false }),
  );
  const key = fc.constantFrom(...MESSAGE_FIELDS, '__proto__');
  const fields = fc
    .array(fc.tuple(key, value), { maxLength: 4 })
    .map((entries) => Object.fromEntries(entries));

  const orRefused = (run: () => Mail): Mail | undefined => {
    try {
      return run();
    } catch (error) {
      expect(error).toBeInstanceOf(MailValidationError);
      const lines = (error as MailValidationError).message.split('\n');
      expect(lines).toHaveLength((error as MailValidationError).issues.length + 1);
      return undefined;
    }
  };

  it('is refused, or a mail without a control character in any field, which survives JSON', () => {
    let made = 0;
    fc.assert(
      fc.property(fields, (given) => {
        const mail = orRefused(() => createMail({ ...base, ...given }));
        if (!mail) return;
        made += 1;
        expect(fieldStrings(mail).filter((text) => CONTROL.test(text))).toEqual([]);
        expect(parseMail(JSON.stringify(mail))).toStrictEqual(mail);
        expect(parseMail(JSON.parse(JSON.stringify(mail)))).toStrictEqual(mail);
      }),
      { numRuns: 1_000 },
    );
    expect(made).toBeGreaterThan(50);
  });

  it('is refused out of storage as well', () => {
    const stored = JSON.parse(JSON.stringify(make({ attachments: [{ content: 'x' }] }))) as object;
    const storedKey = fc.constantFrom(...Object.keys(stored), 'cc', 'headers', 'date', 'path');
    fc.assert(
      fc.property(fc.array(fc.tuple(storedKey, value), { maxLength: 3 }), (entries) => {
        const mail = orRefused(() => parseMail({ ...stored, ...Object.fromEntries(entries) }));
        if (!mail) return;
        expect(fieldStrings(mail).filter((text) => CONTROL.test(text))).toEqual([]);
        expect(parseMail(JSON.stringify(mail))).toStrictEqual(mail);
      }),
      { numRuns: 1_000 },
    );
  });
});
