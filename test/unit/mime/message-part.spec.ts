import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { simpleParser } from 'mailparser';
import PostalMime from 'postal-mime';
import { createMail } from '../../../lib/message/create-mail.js';
import { parseMail } from '../../../lib/message/mail-json.js';
import type { MailAttachment } from '../../../lib/message/mail.js';
import type { MailMessage } from '../../../lib/message/message.js';
import { composeMime } from '../../../lib/message/mime/compose.js';
import fc from '../../fixtures/fast-check.js';
import { message } from '../../fixtures/mail-corpus.js';

const minimal: MailMessage = { from: 'a@example.com', to: 'b@example.com', subject: 'S' };

function bytesOf(input: Partial<MailMessage>): Buffer {
  return composeMime(createMail({ ...minimal, ...input })).bytes;
}

/** What a reader says of a mail. */
interface Read {
  readonly subject: string | null;
  readonly headers: readonly [string, string][];
  readonly parts: readonly {
    readonly type: string;
    readonly charset: string | null;
    readonly filename: string | null;
    /** Hexadecimal; of a `message/*` part the message as it stands. */
    readonly content: string;
  }[];
}

/** Python's own package, with its present policy, over a list of mails. */
const PYTHON = String.raw`
import sys, json, base64, email, email.policy, email.generator, io
out = []
for line in sys.stdin:
    m = email.message_from_bytes(base64.b64decode(line), policy=email.policy.SMTP)
    parts = []
    def walk(p):
        if p.get_content_maintype() == 'multipart':
            for q in p.iter_parts(): walk(q)
            return
        if p.get_content_maintype() == 'message':
            inner = p.get_payload()
            raw = inner[0].as_bytes(policy=email.policy.SMTP.clone(refold_source='none')) if isinstance(inner, list) else inner.encode('ascii', 'surrogateescape')
        else:
            raw = p.get_payload(decode=True)
        parts.append({'type': p.get_content_type(), 'charset': p.get_param('charset'), 'filename': p.get_filename(), 'content': raw.hex()})
    walk(m)
    out.append({'subject': str(m['subject']) if m['subject'] is not None else None,
                'headers': [[k, str(v)] for k, v in m.items()], 'parts': parts})
print(json.dumps(out))
`;

function byPython(mails: readonly Buffer[]): Read[] {
  const input = mails.map((mail) => `${mail.toString('base64')}\n`).join('');
  const options = { input, maxBuffer: 1 << 28 };
  return JSON.parse(execFileSync('/usr/bin/python3', ['-c', PYTHON], options).toString()) as Read[];
}

const EML =
  'From: x@example.com\r\nSubject: inner\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nFrom me\r\n.\r\nbody\r\n';
const hex = (text: string | Buffer): string => Buffer.from(text).toString('hex');

describe('a file of a type message/*', () => {
  const eml = { filename: 'm.eml', contentType: 'message/rfc822', content: EML };

  it('travels as a message, byte for byte, to three readers', async () => {
    const bytes = bytesOf({ text: 'see below', attachments: [eml] });
    expect(bytes.includes(`Content-Transfer-Encoding: 7bit\r\n`)).toBe(true);
    expect(bytes.includes(`\r\n\r\n${EML}\r\n--`)).toBe(true);
    const [python] = byPython([bytes]);
    expect(python!.parts.map(({ type }) => type)).toEqual(['text/plain', 'message/rfc822']);
    expect(python!.parts[1]!.content).toBe(hex(EML));
    const parsed = await simpleParser(bytes, { keepDeliveryStatus: true });
    expect(parsed.attachments[0]).toMatchObject({
      contentType: 'message/rfc822',
      filename: 'm.eml',
    });
    expect(hex(parsed.attachments[0]!.content)).toBe(hex(EML));
    const postal = await PostalMime.parse(bytes, { forceRfc822Attachments: true });
    expect(postal.attachments[0]).toMatchObject({ mimeType: 'message/rfc822', filename: 'm.eml' });
    // It gives every line end back as LF, and the last one of a message twice.
    const read = Buffer.from(postal.attachments[0]!.content as ArrayBuffer).toString();
    expect(read.trimEnd().replaceAll('\n', '\r\n')).toBe(EML.trimEnd());
  });

  it.each<[string, string, string]>([
    ['NUL', `${EML}\0\r\n`, 'message/rfc822'],
    ['a bare LF', EML.replaceAll('\r\n', '\n'), 'message/rfc822'],
    ['a bare CR', `${EML}a\rb\r\n`, 'message/rfc822'],
    ['a line of 999 bytes', `${EML}${'x'.repeat(999)}\r\n`, 'message/rfc822'],
    ['8-bit text where the type wants ASCII', `${EML}ü\r\n`, 'message/delivery-status'],
  ])('goes as application/octet-stream with %s, byte for byte', async (_, content, contentType) => {
    const bytes = bytesOf({ text: 'x', attachments: [{ ...eml, contentType, content }] });
    expect(bytes.toString('latin1')).not.toMatch(/\r(?!\n)|(?<!\r)\n|\0/);
    const [python] = byPython([bytes]);
    const file = { type: 'application/octet-stream', filename: 'm.eml', content: hex(content) };
    expect(python!.parts[1]).toMatchObject(file);
    const [parsed] = (await simpleParser(bytes)).attachments;
    expect(hex(parsed!.content)).toBe(hex(content));
  });

  it('goes so too where it holds a boundary of the mail that carries it', () => {
    const mail = createMail({ ...minimal, text: 'x', attachments: [eml] });
    const content = Buffer.from(`${EML}--=_${mail.id}-1--\r\n`);
    const attachments = [{ ...mail.attachments[0]!, content }];
    const { bytes } = composeMime({ ...mail, attachments });
    expect(byPython([bytes])[0]!.parts.map(({ content: one }) => one)).toEqual([
      hex('x'),
      hex(content),
    ]);
  });

  it('is 8bit where it holds more than ASCII, and says so', () => {
    const { bytes, has8bit } = composeMime(
      createMail({ ...minimal, attachments: [{ ...eml, content: `${EML}ü\r\n` }] }),
    );
    expect(has8bit).toBe(true);
    expect(bytes.includes('Content-Transfer-Encoding: 8bit\r\n')).toBe(true);
  });

  it.each([998, 999])('may have lines of 998 bytes: %i', (length) => {
    const content = `Subject: a\r\n\r\n${'x'.repeat(length)}\r\n`;
    const bytes = bytesOf({ attachments: [{ ...eml, content }] });
    expect(bytes.includes('message/rfc822')).toBe(length === 998);
  });

  it('changes nothing else of the mail that carries it', () => {
    fc.assert(
      fc.property(message, (input) => {
        const mail = createMail({ ...input, text: 'x', attachments: [{ ...eml, content: 'a' }] });
        const head = (bytes: Buffer): string => bytes.toString().split('\r\nContent-Type', 1)[0]!;
        const plain = { ...mail, attachments: [{ ...mail.attachments[0]!, contentType: 'a/b' }] };
        expect(head(composeMime(mail).bytes)).toBe(head(composeMime(plain).bytes));
      }),
      { numRuns: 100 },
    );
  });

  it.each<[string, string]>([
    ['a literal encoded word', 'see =?utf-8?Q?this?='],
    ['1,500 characters without a space', 'x'.repeat(1500)],
  ])('leaves a subject of %s as it is', async (_, subject) => {
    const bytes = bytesOf({ subject, headers: { 'x-LOWER': 'kept' }, attachments: [eml] });
    for (const line of bytes.toString().split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
    expect(bytes.toString()).toContain('\r\nx-LOWER: kept\r\n'.slice(2));
    expect(byPython([bytes])[0]!.subject).toBe(subject);
    expect((await simpleParser(bytes)).subject).toBe(subject);
    expect((await PostalMime.parse(bytes)).subject).toBe(subject);
  });
});

/** A file that mailparser and postal-mime show as more of the text, whatever its name (nodemailer/mailparser#301). */
const isShownAsText = ({ contentType, disposition }: MailAttachment): boolean =>
  disposition === 'inline' && /^text\/(?:plain|html)\b/.test(contentType);

describe('three readers', () => {
  it('read generated mails alike: subject and files', async () => {
    const inputs = fc.sample(message, { numRuns: 80 });
    const mails = inputs.map((input) => createMail(input));
    const bytes = mails.map((mail) => composeMime(mail).bytes);
    const python = byPython(bytes);
    for (const [index, mail] of mails.entries()) {
      const parsed = await simpleParser(bytes[index]!);
      const postal = await PostalMime.parse(bytes[index]!);
      expect(parsed.subject ?? '').toBe(mail.subject);
      expect(postal.subject ?? '').toBe(mail.subject);
      // It keeps the space of a value that begins on the second line.
      expect((python[index]!.subject ?? '').trim()).toBe(mail.subject);
      if (bytes[index]!.includes('multipart/')) {
        const hexOf = (list: readonly MailAttachment[]): string[] =>
          list.map(({ content }) => hex(content)).sort();
        const files = (list: readonly { content: unknown }[]): string[] =>
          list.map(({ content }) => hex(Buffer.from(content as ArrayBuffer))).sort();
        const shown = mail.attachments.filter(isShownAsText);
        const rest = hexOf(mail.attachments.filter((file) => !isShownAsText(file)));
        for (const reader of [parsed, postal]) {
          expect(files(reader.attachments)).toEqual(expect.arrayContaining(rest));
          for (const { content } of shown) {
            expect(reader.text ?? '').toContain(content.toString().replace(/\r?\n/g, '\n'));
          }
        }
        // Python lists every part, by what its header says.
        const parts = python[index]!.parts.map(({ content }) => content);
        expect(parts).toEqual(expect.arrayContaining(hexOf(mail.attachments)));
      }
    }
  }, 120_000);

  it('find the address of every field of addresses, the name encoded beside it', async () => {
    const headers = {
      'Disposition-Notification-To': 'Jörg <jo@example.com>',
      'Return-Receipt-To': '"Doe, Jö" <jo@example.com>, ann@example.com',
      'Resent-To': 'Zoë <zoe@münchen.example>',
      Keywords: 'eins, zwei Öl, "drei, vier"',
    };
    const bytes = bytesOf({ headers });
    const [python] = byPython([bytes]);
    const said = Object.fromEntries(python!.headers);
    expect(said).toMatchObject({
      'Disposition-Notification-To': 'Jörg <jo@example.com>',
      'Resent-To': 'Zoë <zoe@xn--mnchen-3ya.example>',
      Keywords: 'eins, zwei Öl, "drei, vier"',
    });
    const source = bytes.toString().replace(/\r\n(?=[ \t])/g, '');
    expect(source).toMatch(/^Return-Receipt-To: =\?[^ ]+\?= <jo@example.com>, ann@example.com\r$/m);
    const postal = await PostalMime.parse(bytes);
    const value = (name: string) => postal.headers.find(({ key }) => key === name)?.value;
    expect(value('disposition-notification-to')).toContain('<jo@example.com>');
    expect((await simpleParser(bytes)).headers.get('disposition-notification-to')).toMatchObject({
      value: [{ name: 'Jörg', address: 'jo@example.com' }],
    });
  });

  it('know a text given as a string for UTF-8', () => {
    const attachments = [{ filename: 'note.txt', content: 'größe' }];
    const [python] = byPython([bytesOf({ text: 'x', attachments })]);
    expect(python!.parts[1]).toMatchObject({ type: 'text/plain', charset: 'utf-8' });
  });

  it('get an invitation with CRLF in both its parts, and the method of its content', () => {
    const content = 'BEGIN:VCALENDAR\nMETHOD:DECLINECOUNTER\nEND:VCALENDAR\n';
    const bytes = bytesOf({ text: 'x', icalEvent: { content } });
    expect(bytes.toString()).toContain('method=DECLINECOUNTER');
    const [python] = byPython([bytes]);
    const wire = hex(content.replaceAll('\n', '\r\n'));
    expect(python!.parts.slice(1).map(({ content: one }) => one)).toEqual([wire, wire]);
  });
});

describe('the door', () => {
  it.each<[string, Partial<MailMessage>, RegExp]>([
    [
      'a method that the content contradicts',
      { icalEvent: { method: 'REQUEST', content: 'BEGIN:VCALENDAR\r\nMET\r\n HOD:CANCEL\r\n' } },
      /icalEvent\.method: is REQUEST, and the content has METHOD:CANCEL/,
    ],
    [
      'a METHOD that nobody knows',
      { icalEvent: { content: 'BEGIN:VCALENDAR\r\nMETHOD:BUY\r\n' } },
      /icalEvent\.content: has METHOD:"BUY"/,
    ],
    [
      'a content with two METHODs',
      { icalEvent: { content: 'BEGIN:VCALENDAR\nMETHOD:ADD\nBEGIN:VEVENT\nmethod;x=1:CANCEL\n' } },
      /icalEvent\.content: has METHOD more than once/,
    ],
    [
      'a URL of a list that is not ASCII',
      { headers: { 'List-Help': '<https://example.com/hilfe?für>' } },
      /headers\.List-Help: has a URL that is not ASCII\. Percent-encode/,
    ],
    [
      'an address field of which nobody can tell the address',
      { headers: { 'Return-Receipt-To': 'Jörg <jo@example.com' } },
      /headers\.Return-Receipt-To: .*Name <name@example\.com>/,
    ],
    [
      'a charset that is not the text’s',
      { attachments: [{ contentType: 'text/plain; charset=latin1', content: 'ü' }] },
      /attachments\[0\]\.contentType: says charset "latin1"/,
    ],
    [
      'two List-Ids',
      { headers: { 'List-Id': ['<a.example>', '<b.example>'] } },
      /headers\.List-Id: has several values/,
    ],
  ])('refuses %s', (_, input, words) => {
    expect(() => createMail({ ...minimal, ...input })).toThrow(words);
  });

  it('makes one field of repeated List-* fields', () => {
    const list = ['<mailto:u@example.com>', '<https://example.com/u>'];
    const mail = createMail({
      ...minimal,
      headers: { 'List-Unsubscribe': list, 'X-A': ['1', '2'] },
    });
    const value = list.join(', ');
    expect(mail.headers.map(({ name }) => name)).toEqual(['List-Unsubscribe', 'X-A', 'X-A']);
    expect(mail.headers[0]).toEqual({ name: 'List-Unsubscribe', value });
  });

  it('takes out of storage, and sends, what a release before took', () => {
    const mail = createMail({ ...minimal, icalEvent: { content: 'BEGIN:VCALENDAR\r\n' } });
    const icalEvent = { method: 'REQUEST', content: 'BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\n' };
    const headers = [
      { name: 'Return-Receipt-To', value: 'Jörg <jo@example.com' },
      { name: 'List-Id', value: '<a.example>' },
      { name: 'list-id', value: '<b.example>' },
      { name: 'List-Help', value: '<mailto:a@example.com>' },
      { name: 'List-Help', value: '<mailto:b@example.com>' },
    ];
    const parsed = parseMail({
      ...(JSON.parse(JSON.stringify(mail)) as object),
      icalEvent,
      headers,
    });
    expect(parsed.icalEvent).toEqual(icalEvent);
    const sent = composeMime(parsed).bytes.toString();
    expect(sent).toMatch(/^Return-Receipt-To: =\?UTF-8\?/m);
    expect(sent).toContain('List-Id: <a.example>\r\nlist-id: <b.example>\r\n');
    expect(sent).toContain('List-Help: <mailto:a@example.com>, <mailto:b@example.com>\r\n');
  });

  it.each<[string, string, string | undefined, string]>([
    ['LF', 'BEGIN:VCALENDAR\nVERSION:2.0\n', 'REQUEST', 'METHOD:REQUEST\nVERSION:2.0\n'],
    ['CRLF', 'BEGIN:VCALENDAR\r\nVERSION:2.0\r\n', 'REPLY', 'METHOD:REPLY\r\nVERSION:2.0\r\n'],
    ['one line', 'BEGIN:VCALENDAR', 'CANCEL', '\r\nMETHOD:CANCEL'],
    ['no method', 'begin:vcalendar\nVERSION:2.0\n', undefined, 'METHOD:PUBLISH\nVERSION:2.0\n'],
  ])('gives content without METHOD the one of its part: %s', (_, content, method, end) => {
    const icalEvent = { content, ...(method !== undefined && { method: method as 'REQUEST' }) };
    const mail = createMail({ ...minimal, icalEvent });
    expect(mail.icalEvent!.content.endsWith(end)).toBe(true);
    expect(mail.icalEvent!.method).toBe(method ?? 'PUBLISH');
    // It has one now, which is left alone.
    expect(createMail({ ...minimal, icalEvent: mail.icalEvent as never }).icalEvent).toEqual(
      mail.icalEvent,
    );
  });

  it('leaves the content alone where METHOD stands folded, below a component or with a parameter', () => {
    for (const line of [
      'MET\r\n HOD:ADD',
      'BEGIN:VEVENT\r\nEND:VEVENT\r\nMETHOD:ADD',
      'METHOD;X=1:add',
    ]) {
      const content = `BEGIN:VCALENDAR\r\n${line}\r\nEND:VCALENDAR\r\n`;
      const { icalEvent } = createMail({ ...minimal, icalEvent: { content } });
      expect(icalEvent).toEqual({ method: 'ADD', content });
    }
  });

  it.each([
    ['backup.gzip', 'application/gzip'],
    ['a.TAR.GZ', 'application/gzip'],
    ['a.docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
    ['a.ccxml', 'application/octet-stream'],
    ['a.constructor', 'application/octet-stream'],
    ['mail.eml', 'message/rfc822'],
  ])('knows the type of %s', (filename, contentType) => {
    const content = Buffer.from('x');
    expect(
      createMail({ ...minimal, attachments: [{ filename, content }] }).attachments[0],
    ).toMatchObject({
      contentType,
    });
  });
});
