import { describe, expect, it } from '@jest/globals';
import type { Clock } from '../../../lib/base/clock.js';
import { MAIL_ERROR_CODES, MailValidationError } from '../../../lib/base/errors.js';
import { createMail } from '../../../lib/message/create-mail.js';
import type { MailMessage } from '../../../lib/message/message.js';
import { isUuidV7 } from '../../../lib/message/uuid.js';
import { base, issuesOf, make, pathsOf } from './support.js';

function deeplyFrozen(value: unknown, path = 'mail'): string[] {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return [];
  const own = Object.isFrozen(value) ? [] : [path];
  return Object.entries(value).reduce(
    (all, [key, item]) => all.concat(deeplyFrozen(item, `${path}.${key}`)),
    own,
  );
}

const full = {
  from: { name: 'Shop', address: 'hello@shop.example' },
  sender: 'robot@shop.example',
  to: ['Ann <ann@example.com>', { address: 'bob@example.com' }],
  cc: 'c@example.com, d@example.com',
  bcc: 'secret@example.com',
  replyTo: 'Help <help@shop.example>',
  subject: 'Ünï 😀',
  text: 'a\nb\r\nc\rd',
  html: '<p>Hi</p>',
  amp: '<html amp4email></html>',
  icalEvent: { method: 'REQUEST', content: 'BEGIN:VCALENDAR\nMETHOD:REQUEST' },
  attachments: [{ filename: 'a.pdf', content: Buffer.from('pdf') }],
  headers: { 'X-One': 'ä', 'X-Two': ['1', '2'] },
  list: { unsubscribe: { url: 'https://shop.example/u', comment: 'bye' } },
  inReplyTo: 'old@x.y',
  references: ['<older@x.y>', 'old@x.y'],
  messageId: '<mine@shop.example>',
  date: new Date('2030-01-02T03:04:05.678Z'),
  priority: 'high',
  envelope: { from: 'bounce+1@shop.example', to: ['ann@example.com', 'x@example.com'] },
  tags: ['welcome', 'welcome', 'vip'],
  metadata: { orderId: '17' },
  sendAt: '2030-02-03T04:05:06Z',
  dsn: { id: 'order 17', return: 'headers', notify: ['delay', 'success', 'success'] },
  requireTLSExtensionEnabled: true,
} as const satisfies MailMessage;

describe('createMail', () => {
  it('makes a mail of every field', () => {
    const clock: Clock = {
      now: () => 1_900_000_000_000,
      monotonic: () => 0,
      after: () => () => {},
    };
    const mail = createMail(full, { clock });
    expect(isUuidV7(mail.id)).toBe(true);
    expect(mail).toEqual({
      id: mail.id,
      messageId: '<mine@shop.example>',
      createdAt: new Date(1_900_000_000_000).toISOString(),
      date: '2030-01-02T03:04:05.678Z',
      envelope: { from: 'bounce+1@shop.example', to: ['ann@example.com', 'x@example.com'] },
      from: { name: 'Shop', address: 'hello@shop.example' },
      sender: { address: 'robot@shop.example' },
      to: [{ name: 'Ann', address: 'ann@example.com' }, { address: 'bob@example.com' }],
      cc: [{ address: 'c@example.com' }, { address: 'd@example.com' }],
      bcc: [{ address: 'secret@example.com' }],
      replyTo: [{ name: 'Help', address: 'help@shop.example' }],
      subject: 'Ünï 😀',
      text: 'a\nb\r\nc\rd',
      html: '<p>Hi</p>',
      amp: '<html amp4email></html>',
      icalEvent: { method: 'REQUEST', content: 'BEGIN:VCALENDAR\nMETHOD:REQUEST' },
      attachments: [
        {
          filename: 'a.pdf',
          contentType: 'application/pdf',
          content: Buffer.from('pdf'),
          disposition: 'attachment',
        },
      ],
      headers: [
        { name: 'X-One', value: 'ä' },
        { name: 'X-Two', value: '1' },
        { name: 'X-Two', value: '2' },
        { name: 'List-Unsubscribe', value: '<https://shop.example/u> (bye)' },
      ],
      inReplyTo: '<old@x.y>',
      references: ['<older@x.y>', '<old@x.y>'],
      priority: 'high',
      tags: ['welcome', 'vip'],
      metadata: { orderId: '17' },
      sendAt: '2030-02-03T04:05:06.000Z',
      dsn: { id: 'order 17', return: 'headers', notify: ['success', 'delay'] },
      requireTLSExtensionEnabled: true,
    });
  });

  it('leaves absent what the message does not say', () => {
    const mail = make();
    expect(Object.keys(mail).sort()).toEqual(
      [
        ...['id', 'messageId', 'createdAt', 'envelope', 'from', 'to', 'cc', 'bcc', 'replyTo'],
        ...['subject', 'text', 'attachments', 'headers', 'references', 'tags', 'metadata'],
      ].sort(),
    );
    expect(mail.envelope).toEqual({ from: 'hello@shop.example', to: ['ann@example.com'] });
  });

  it('is frozen through and through', () => {
    expect(deeplyFrozen(createMail(full))).toEqual([]);
    expect(deeplyFrozen(make({ cc: [], headers: {}, tags: [], attachments: [] }))).toEqual([]);
  });

  it('gives every mail an id of its own', () => {
    expect(make().id < make().id).toBe(true);
  });

  it.each([
    ['a subject alone', { text: undefined }],
    ['an empty text', { text: '', subject: undefined }],
    [
      'an attachment alone',
      { text: undefined, subject: undefined, attachments: [{ content: '' }] },
    ],
    ['an unknown field without a value', { color: undefined }],
    ['a null reverse-path', { envelope: { from: '' } }],
    ['recipients in bcc alone', { to: undefined, bcc: 'a@b.c' }],
    ['recipients in the envelope alone', { to: undefined, envelope: { to: 'a@b.c, d@e.f' } }],
    ['a date of RFC 5322', { date: 'Wed, 02 Jan 2030 03:04:05 +0000' }],
    ['a date with an offset', { date: '2030-01-02T03:04:05.678+01:00' }],
    ['a day', { date: '2030-01-02' }],
    ['TAB in subject and header', { subject: 'a\tb', headers: { 'X-A': 'a\tb' } }],
    ['a data: URI', { html: `<img src="data:image/png;base64,${'A'.repeat(100_000)}">` }],
  ])('takes %s', (_, fields) => {
    expect(() => make(fields)).not.toThrow();
  });

  it('takes sender, else from, as the reverse-path', () => {
    expect(make().envelope.from).toBe('hello@shop.example');
    expect(make({ sender: 'robot@x.y' }).envelope.from).toBe('robot@x.y');
    expect(make({ envelope: { from: '' } }).envelope.from).toBe('');
    expect(make({ envelope: { from: 'Bounce <b@x.y>' } }).envelope.from).toBe('b@x.y');
  });

  it('names each recipient once in the envelope', () => {
    const mail = make({
      to: 'a@x.y, A@x.y, a@X.Y',
      cc: 'Ann <a@x.y>, b@x.y',
      bcc: ['b@x.y', 'c@x.y'],
    });
    expect(mail.envelope.to).toEqual(['a@x.y', 'A@x.y', 'b@x.y', 'c@x.y']);
    expect(make({ envelope: { to: 'a@x.y, a@X.y' } }).envelope.to).toEqual(['a@x.y']);
    expect(mail.to).toHaveLength(3);
  });
});

describe('the caller’s object', () => {
  it('is never touched, frozen or not', () => {
    const copy = structuredClone({ ...full, attachments: [{ filename: 'a.pdf', content: 'pdf' }] });
    const again = structuredClone(copy);
    createMail(copy);
    expect(copy).toEqual(again);
    const freeze = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      Object.values(value).forEach(freeze);
      Object.freeze(value);
    };
    freeze(copy);
    expect(createMail(copy).to).toHaveLength(2);
  });

  it('shares nothing with the mail', () => {
    const bytes = Buffer.from('before');
    const message = {
      ...base,
      to: ['a@x.y'],
      attachments: [{ content: bytes }],
      metadata: { a: '1' },
    };
    const mail = createMail(message);
    bytes.write('after!');
    message.to.push('b@x.y');
    message.metadata.a = '2';
    expect(mail.attachments[0]!.content.toString()).toBe('before');
    expect(mail.to).toHaveLength(1);
    expect(mail.metadata).toEqual({ a: '1' });
  });

  it('may be an instance of a class, with accessors that are read once', () => {
    let reads = 0;
    class Welcome implements MailMessage {
      readonly from = 'a@x.y';
      #who = 'b@x.y';
      get to(): string {
        reads += 1;
        return reads === 1 ? this.#who : 'evil@x.y';
      }
      get subject(): string {
        return `Hi ${this.#who}`;
      }
    }
    const mail = createMail(new Welcome());
    expect(reads).toBe(1);
    expect(mail.to).toEqual([{ address: 'b@x.y' }]);
    expect(mail.subject).toBe('Hi b@x.y');
  });

  it('has own fields that are read once, so that a check and a use agree', () => {
    const reads: string[] = [];
    const watched = (object: object): object =>
      new Proxy(object, {
        get(target, key) {
          if (typeof key === 'string') reads.push(key);
          return Reflect.get(target, key) as unknown;
        },
      });
    createMail(watched({ ...base, envelope: watched({ from: 'e@x.y' }) }));
    expect(reads.length).toBeGreaterThan(4);
    expect(
      reads.filter((key, at) => reads.indexOf(key) !== at && !['from', 'to'].includes(key)),
    ).toEqual([]);
    expect(reads.filter((key) => key === 'from')).toHaveLength(2); // the message's and the envelope's
  });

  it('may have no prototype', () => {
    const message: object = Object.assign(Object.create(null) as object, base);
    expect(createMail(message as MailMessage).subject).toBe('Hello');
  });
});

describe('defaults', () => {
  it('fill what the message lacks, and give way to what it has', () => {
    const defaults: Partial<MailMessage> = {
      from: 'default@x.y',
      replyTo: 'help@x.y',
      subject: 'default',
      headers: { 'X-App': 'shop', 'X-Both': 'default' },
      tags: ['app', 'both'],
      metadata: { app: 'shop', both: 'default' },
    };
    const mail = createMail(
      {
        to: 'a@x.y',
        from: undefined,
        subject: '',
        headers: [{ key: 'x-both', value: 'mine' }],
        tags: ['both', 'mine'],
        metadata: { both: 'mine' },
      },
      { defaults },
    );
    expect(mail.from).toEqual({ address: 'default@x.y' });
    expect(mail.replyTo).toEqual([{ address: 'help@x.y' }]);
    expect(mail.subject).toBe('');
    expect(mail.headers).toEqual([
      { name: 'X-App', value: 'shop' },
      { name: 'x-both', value: 'mine' },
    ]);
    expect(mail.tags).toEqual(['app', 'both', 'mine']);
    expect(mail.metadata).toEqual({ app: 'shop', both: 'mine' });
  });

  it('are named where the fault is theirs', () => {
    const defaults = {
      from: 'x',
      headers: { Subject: 'x' },
      tags: [''],
      metadata: { a: 1 },
      colour: 'red',
    } as unknown as Partial<MailMessage>;
    expect(pathsOf(() => createMail({ to: 'a@x.y', text: '' }, { defaults })).sort()).toEqual([
      'defaults.colour',
      'defaults.from',
      'defaults.headers.Subject',
      'defaults.metadata.a',
      'defaults.tags[0]',
    ]);
  });
});

describe('faults', () => {
  it('are all in one error, each with its path and its fix', () => {
    const run = () =>
      make({
        from: undefined,
        to: ['ok@x.y', 'nope', { address: 'x y@z.w' }],
        subject: 'a\r\nBcc: evil@x.y',
        html: 7,
        attachements: [],
        headers: { Subject: 'x' },
        date: 'someday',
        priority: 'urgent',
        metadata: { n: 1 },
      });
    expect(pathsOf(run).sort()).toEqual([
      'attachements',
      'date',
      'from',
      'headers.Subject',
      'html',
      'metadata.n',
      'priority',
      'subject',
      'to[1]',
      'to[2].address',
    ]);
    expect(issuesOf(run).every(({ problem, fix }) => problem !== '' && fix !== '')).toBe(true);
    expect(issuesOf(run)).toContainEqual({
      path: 'attachements',
      problem: 'is an unknown field',
      fix: 'Did you mean `attachments`?',
    });
  });

  it('are a MailValidationError that can be logged', () => {
    let caught: unknown;
    try {
      make({ to: [] });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(MailValidationError);
    const error = caught as MailValidationError;
    expect(Object.keys(MAIL_ERROR_CODES)).toContain(error.code);
    expect(error.disposition).toBe('permanent');
    expect(error.message).toContain('to: there is no recipient');
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ issues: [{ path: 'to' }] });
  });

  it('are counted, not listed, when there are thousands', () => {
    const issues = issuesOf(() => make({ to: Array.from({ length: 5_000 }, () => 'x') }));
    expect(issues).toHaveLength(201);
    expect(issues.at(-1)!.problem).toBe('4800 more faults are not listed');
    const unknown = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`field${i}`, 1]));
    expect(issuesOf(() => make(unknown)).at(-1)!.problem).toBe('4800 more faults are not listed');
  });

  it.each([
    [undefined, 'message'],
    [null, 'message'],
    ['text', 'message'],
    [[base], 'message'],
    [() => base, 'message'],
  ])('%p is no message', (message, path) => {
    expect(pathsOf(() => createMail(message as unknown as MailMessage))).toEqual([path]);
  });

  it.each([
    [{ from: undefined }, 'from'],
    [{ from: '' }, 'from'],
    [{ from: 'a@x.y, b@x.y' }, 'from'],
    [{ from: ['a@x.y'] }, 'from'],
    [{ from: null }, 'from'],
    [{ sender: ['a@x.y'] }, 'sender'],
    [{ to: undefined }, 'to'],
    [{ to: '' }, 'to'],
    [{ to: [] }, 'to'],
    [{ to: null }, 'to'],
    [{ to: 7 }, 'to'],
    [{ to: [undefined] }, 'to[0]'],
    [{ to: [['a@x.y']] }, 'to[0]'],
    [{ to: { name: 'x' } }, 'to.address'],
    [{ to: { address: 'a@x.y', nmae: 'x' } }, 'to.nmae'],
    [{ to: { name: 7, address: 'a@x.y' } }, 'to.name'],
    [{ to: { name: 'x'.repeat(600), address: 'a@x.y' } }, 'to.name'],
    [{ to: { address: 'Jo <a@x.y>' } }, 'to.address'],
    [{ cc: 'x' }, 'cc'],
    [{ bcc: 'x' }, 'bcc'],
    [{ replyTo: 'x' }, 'replyTo'],
    [{ subject: 7 }, 'subject'],
    [{ subject: undefined, text: undefined }, 'text'],
    [{ text: Buffer.from('x') }, 'text'],
    [{ text: 'a\0b' }, 'text'],
    [{ html: '\ud83d' }, 'html'],
    [{ amp: '\ude00' }, 'amp'],
    [{ icalEvent: 'BEGIN:VCALENDAR' }, 'icalEvent'],
    [{ icalEvent: { method: 'publish', content: 'x' } }, 'icalEvent.method'],
    [{ icalEvent: { method: 'REQUEST' } }, 'icalEvent.content'],
    [{ icalEvent: { content: 'x', path: '/etc/passwd' } }, 'icalEvent.path'],
    [{ date: new Date(Number.NaN) }, 'date'],
    [{ date: 1_900_000_000_000 }, 'date'],
    [{ date: '' }, 'date'],
    [{ date: 'x 1' }, 'date'],
    [{ date: '2030-01-02T03:04:05' }, 'date'],
    [{ date: '2030-13-02' }, 'date'],
    [{ date: '+010000-01-01T00:00:00Z' }, 'date'],
    [{ date: new Date(-9e14) }, 'date'],
    [{ sendAt: new Date(9e14) }, 'sendAt'],
    [{ sendAt: 'tomorrow' }, 'sendAt'],
    [{ dsn: true }, 'dsn'],
    [{ dsn: { recipient: 'a@x.y' } }, 'dsn.recipient'],
    [{ dsn: { ret: 'full' } }, 'dsn.ret'],
    [{ dsn: { envid: 'x' } }, 'dsn.envid'],
    [{ dsn: { id: '' } }, 'dsn.id'],
    [{ dsn: { id: 7 } }, 'dsn.id'],
    [{ dsn: { id: 'a\r\nRSET' } }, 'dsn.id'],
    [{ dsn: { id: 'ä' } }, 'dsn.id'],
    [{ dsn: { id: '\u760d' } }, 'dsn.id'],
    [{ dsn: { id: 'x'.repeat(101) } }, 'dsn.id'],
    [{ dsn: { id: '='.repeat(34) } }, 'dsn.id'],
    [{ dsn: { return: 'HDRS' } }, 'dsn.return'],
    [{ dsn: { notify: 'success,failure' } }, 'dsn.notify'],
    [{ dsn: { notify: [] } }, 'dsn.notify'],
    [{ dsn: { notify: ['failure', 'SUCCESS'] } }, 'dsn.notify[1]'],
    [{ dsn: { notify: [null] } }, 'dsn.notify[0]'],
    [{ dsn: { notify: ['never', 'failure'] } }, 'dsn.notify'],
    [{ requireTLSExtensionEnabled: 'yes' }, 'requireTLSExtensionEnabled'],
    [{ envelope: { dsn: {} } }, 'envelope.dsn'],
    [{ priority: 1 }, 'priority'],
    [{ envelope: 'a@x.y' }, 'envelope'],
    [{ envelope: { from: 'a' } }, 'envelope.from'],
    [{ envelope: { to: [] } }, 'envelope.to'],
    [{ envelope: { to: ['a@x.y', 'b'] } }, 'envelope.to[1]'],
    [{ envelope: { cc: 'a@x.y' } }, 'envelope.cc'],
    [{ tags: 'a' }, 'tags'],
    [{ tags: [7] }, 'tags[0]'],
    [{ tags: ['a', ''] }, 'tags[1]'],
    [{ tags: ['x'.repeat(256)] }, 'tags[0]'],
    [{ metadata: [] }, 'metadata'],
    [{ metadata: { '': 'x' } }, 'metadata[an empty string]'],
    [{ metadata: { a: null } }, 'metadata.a'],
    [{ metadata: { a: '\0' } }, 'metadata.a'],
  ])('%j: %s', (fields, path) => {
    expect(pathsOf(() => make(fields))).toEqual([path]);
  });

  it.each([
    ['raw', '`text`, `html`'],
    ['alternatives', '`amp`'],
    ['encoding', 'transfer encoding'],
    ['watchHtml', '`html`'],
    ['dkim', "transport's options"],
    ['requireTLS', '`requireTLSExtensionEnabled`'],
    ['reply_to', '`replyTo`'],
    ['subjcet', 'Did you mean `subject`?'],
    ['CC', 'Did you mean `cc`?'],
    ['toString', 'Known fields'],
  ])('%s: says %s', (field, fix) => {
    expect(issuesOf(() => make({ [field]: 'x' }))).toEqual([
      { path: field, problem: 'is an unknown field', fix: expect.stringContaining(fix) },
    ]);
  });
});

describe('size', () => {
  it('counts attachments as base64 in lines', () => {
    const attachments = [{ content: Buffer.alloc(57 * 100) }]; // 100 lines of 76 + CRLF
    const maxBytes = 'Hello'.length + 'Hi'.length + 7_800;
    expect(() => make({ attachments }, { maxBytes })).not.toThrow();
    expect(issuesOf(() => make({ attachments }, { maxBytes: maxBytes - 1 }))).toEqual([
      {
        path: 'attachments[0].content',
        problem: 'makes the message 7807 bytes as sent, over the limit of 7806 bytes',
        fix: expect.stringContaining('Shrink'),
      },
    ]);
    const utf8 = [{ content: 'é'.repeat(57 * 50) }];
    expect(pathsOf(() => make({ attachments: utf8 }, { maxBytes: maxBytes - 1 }))).toEqual([
      'attachments[0].content',
    ]);
  });

  it.each([
    [{ text: 'x'.repeat(2_000) }, 'text'],
    [{ html: 'ü'.repeat(600) }, 'html'],
    [{ headers: { 'X-A': 'x'.repeat(2_000) } }, 'headers.X-A'],
    [{ icalEvent: { content: 'x'.repeat(2_000) } }, 'icalEvent.content'],
    [
      { attachments: [{ content: 'eA'.repeat(2_000), encoding: 'base64' }] },
      'attachments[0].content',
    ],
  ])('names what weighs most: %#', (fields, path) => {
    expect(pathsOf(() => make(fields, { maxBytes: 1_500 }))).toEqual([path]);
  });

  it('is 25 MiB by default', () => {
    const just = 18 * 1024 * 1024;
    expect(() => make({ attachments: [{ content: Buffer.alloc(just) }] })).not.toThrow();
    expect(
      issuesOf(() =>
        make({
          attachments: [{ content: Buffer.alloc(just) }, { content: Buffer.alloc(1 << 20) }],
        }),
      )[0]!.problem,
    ).toContain('over the limit of 25.0 MiB');
  });
});

describe('dsn and requireTLSExtensionEnabled', () => {
  it('are absent where nothing is asked, also against a default', () => {
    const defaults = {
      dsn: { notify: 'failure' },
      requireTLSExtensionEnabled: true,
    } as const satisfies Partial<MailMessage>;
    expect(make({}, { defaults })).toMatchObject({
      dsn: { notify: ['failure'] },
      requireTLSExtensionEnabled: true,
    });
    for (const mail of [
      make({}),
      make({ dsn: {}, requireTLSExtensionEnabled: false }, { defaults }),
    ]) {
      expect(mail).not.toHaveProperty('dsn');
      expect(mail).not.toHaveProperty('requireTLSExtensionEnabled');
    }
  });

  it('take an id of 100 characters as encoded', () => {
    const id = `${'='.repeat(33)}x`;
    expect(make({ dsn: { id } }).dsn).toEqual({ id });
  });
});
