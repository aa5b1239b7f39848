import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import type { Mail, MailAttachment } from '../../lib/message/mail.js';
import type { MailField, MailFieldRule, MailFieldRules } from '../../lib/message/mail-fields.js';
import { composeMime } from '../../lib/message/mime/compose.js';
import { MIME_FIELDS } from '../../lib/message/mime/mime-fields.js';
import { POSTMARK_FIELDS } from '../../lib/transports/web-api/postmark/postmark-fields.js';
import { PostmarkProvider } from '../../lib/transports/web-api/postmark/postmark.provider.js';
import { SENDGRID_FIELDS } from '../../lib/transports/web-api/sendgrid/sendgrid-fields.js';
import { SendGridProvider } from '../../lib/transports/web-api/sendgrid/sendgrid.provider.js';
import { testMail } from '../fixtures/mail.js';

/** Every field that all carriers can carry, with one value. */
const base = testMail({
  from: 'from@example.com',
  to: 'to@example.com',
  subject: 'Subject',
  text: 'text',
  html: '<p>html</p>',
  attachments: [{ filename: 'a.txt', content: 'one', contentType: 'text/plain', cid: 'one' }],
});
const file = base.attachments[0]!;

type Variants = {
  readonly [F in MailField]: F extends keyof Mail
    ? readonly [NonNullable<Mail[F]>, NonNullable<Mail[F]>]
    : F extends `attachments.${infer K extends keyof MailAttachment}`
      ? readonly [NonNullable<MailAttachment[K]>, NonNullable<MailAttachment[K]>]
      : never;
};

/** Two values of each field that say different things, both of which a carrier of the field takes. */
const VARIANTS: Variants = {
  id: [base.id, testMail().id],
  messageId: ['<a@example.com>', '<b@example.com>'],
  createdAt: ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'],
  date: ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'],
  envelope: [
    { from: 'from@example.com', to: ['to@example.com'] },
    { from: 'from@example.com', to: ['to@example.com'] },
  ],
  from: [
    { name: 'A', address: 'from@example.com' },
    { name: 'B', address: 'from@example.com' },
  ],
  sender: [
    { name: 'A', address: 'from@example.com' },
    { name: 'B', address: 'from@example.com' },
  ],
  to: [[{ name: 'A', address: 'to@example.com' }], [{ name: 'B', address: 'to@example.com' }]],
  cc: [[], []],
  bcc: [[], []],
  replyTo: [[{ address: 'a@example.com' }], [{ address: 'b@example.com' }]],
  subject: ['a', 'b'],
  text: ['a', 'b'],
  html: ['a', 'b'],
  amp: ['a', 'b'],
  icalEvent: [
    { method: 'REQUEST', content: 'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n' },
    { method: 'CANCEL', content: 'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n' },
  ],
  'attachments.filename': ['a.txt', 'b.txt'],
  'attachments.contentType': ['text/plain', 'text/csv'],
  'attachments.content': [Buffer.from('a'), Buffer.from('b')],
  'attachments.cid': ['a', 'b'],
  'attachments.disposition': ['inline', 'attachment'],
  headers: [[{ name: 'X-A', value: 'a' }], [{ name: 'X-A', value: 'b' }]],
  inReplyTo: ['<a@example.com>', '<b@example.com>'],
  references: [['<a@example.com>'], ['<b@example.com>']],
  priority: ['high', 'low'],
  tags: [['a'], ['b']],
  metadata: [{ a: '1' }, { a: '2' }],
  template: ['a', 'b'],
  sendAt: ['2020-01-01T00:00:00.000Z', '2020-01-02T00:00:00.000Z'],
  dsn: [{ id: 'a' }, { id: 'b' }],
  requireTLSExtensionEnabled: [true, true],
  providerOptions: [{}, {}],
};

/** Fields that cannot vary by themselves: whom they name stands in the envelope too. */
const WHOLE: Partial<Record<MailField, readonly [Partial<Mail>, Partial<Mail>]>> = {
  cc: [withRecipient('cc', 'a@example.com'), withRecipient('cc', 'b@example.com')],
  bcc: [withRecipient('bcc', 'a@example.com'), withRecipient('bcc', 'b@example.com')],
};

function withRecipient(field: 'cc' | 'bcc', address: string): Partial<Mail> {
  return {
    [field]: [{ address }],
    envelope: { ...base.envelope, to: ['to@example.com', address] },
  };
}

function variant(field: MailField, which: 0 | 1): Mail {
  const whole = WHOLE[field]?.[which];
  if (whole) return { ...base, ...whole };
  const value = VARIANTS[field][which];
  if (!field.startsWith('attachments.')) return { ...base, [field]: value };
  return { ...base, attachments: [{ ...file, [field.slice('attachments.'.length)]: value }] };
}

interface Carrier {
  readonly rules: MailFieldRules;
  /** What is sent, or why not. */
  carry(mail: Mail): string;
  /** What else a field needs to be carried. */
  readonly with?: Partial<Record<MailField, readonly [Partial<Mail>, Partial<Mail>]>>;
}

const sendGrid = new SendGridProvider({
  apiKey: 'key',
  baseUrl: new URL('https://api.sendgrid.com'),
  sandbox: false,
});
const postmark = new PostmarkProvider({
  apiKey: 'key',
  baseUrl: new URL('https://api.postmarkapp.com'),
});
const soon = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString();

const CARRIERS: Readonly<Record<string, Carrier>> = {
  MIME: { rules: MIME_FIELDS, carry: (mail) => composeMime(mail).bytes.toString() },
  SendGrid: {
    rules: SENDGRID_FIELDS,
    carry: (mail) => said(sendGrid.request(mail)),
    with: {
      sendAt: [{ sendAt: soon(1) }, { sendAt: soon(2) }],
      providerOptions: [
        { providerOptions: { sendgrid: { templateId: 'a' } } },
        { providerOptions: { sendgrid: { templateId: 'b' } } },
      ],
    },
  },
  Postmark: {
    rules: POSTMARK_FIELDS,
    carry: (mail) => said(postmark.request(mail)),
    with: {
      'attachments.disposition': [{}, {}],
      providerOptions: [
        { providerOptions: { postmark: { messageStream: 'a' } } },
        { providerOptions: { postmark: { messageStream: 'b' } } },
      ],
    },
  },
};

function said(request: ReturnType<SendGridProvider['request']>): string {
  return 'disposition' in request ? `refused: ${request.message}` : String(request.body);
}

const cases = Object.entries(CARRIERS).flatMap(([name, carrier]) =>
  Object.entries(carrier.rules).map(
    ([field, rule]: [string, MailFieldRule]) =>
      [name, Object.keys(rule)[0]!, field as MailField, rule, carrier] as const,
  ),
);

const PROVIDERS = ['sendgrid', 'postmark'].map(
  (name) => `transports/web-api/${name}/${name}.provider`,
);

describe('a field of a mail', () => {
  it.each(cases)('is by %s %s: %s', (_name, _word, field, rule, { carry, with: own }) => {
    const [one, other] = ([0, 1] as const).map((which) => {
      const given = own?.[field]?.[which];
      return carry(given ? { ...base, ...given } : variant(field, which));
    });
    if ('refused' in rule) {
      expect(one).toMatch(/^refused: /);
      expect(one).toContain(`\`${field}\``);
      expect(one).toContain(rule.refused);
      return;
    }
    expect(one).not.toMatch(/^refused: /);
    expect(other).not.toMatch(/^refused: /);
    if ('carried' in rule) expect(one).not.toBe(other);
    else expect(one).toBe(other);
  });

  it('that no carrier knows does not compile, nor one that no reader knows', () => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const path = join(root, 'lib/field-added-by-a-test.ts');
    const added = `
      declare module './message/mail.js' {
        interface Mail { readonly added?: string }
        interface MailAttachment { readonly added?: string }
      }
      declare module './message/message.js' {
        interface MailMessageFields { readonly added?: string }
        interface MailAttachmentInput { readonly added?: string }
      }
      export {};`;
    const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    const host = ts.createCompilerHost({ ...options, noEmit: true });
    const { getSourceFile, fileExists } = host;
    host.fileExists = (name) => name === path || fileExists.call(host, name);
    host.getSourceFile = (name, ...rest) =>
      name === path
        ? ts.createSourceFile(name, added, ts.ScriptTarget.ES2023, true)
        : getSourceFile.call(host, name, ...rest);
    const roots = ['message/create-mail', 'transports/smtp/compose', ...PROVIDERS];
    const paths = roots.map((name) => join(root, `lib/${name}.ts`));
    const program = ts.createProgram([...paths, path], options, host);
    const files = program
      .getSourceFiles()
      .filter(({ fileName }) => fileName.startsWith(join(root, 'lib')));
    const faulty = files.filter((one) =>
      program
        .getSemanticDiagnostics(one)
        .some(({ messageText }) =>
          /\badded\b/.test(ts.flattenDiagnosticMessageText(messageText, '\n')),
        ),
    );
    const tables = [
      'lib/message/freeze-mail.ts',
      'lib/message/mime/mime-fields.ts',
      'lib/message/read/fields.ts',
      'lib/message/read/validate.ts',
      'lib/transports/smtp/compose.ts',
      'lib/transports/web-api/postmark/postmark-fields.ts',
      'lib/transports/web-api/sendgrid/sendgrid-fields.ts',
    ];
    const names = faulty.map(({ fileName }) => fileName.slice(root.length));
    expect(names).toEqual(expect.arrayContaining(tables));
  }, 120_000);
});
