import { checkBounds, checkMetadata } from './bounds.js';
import { checkUnknown, isObject, MESSAGE_FIELDS, MESSAGE_INSTEAD, readField } from './fields.js';
import type { MessageField } from './fields.js';
import type { IssueList } from './issues.js';
import type { Mail, MailHeader } from '../mail.js';
import { parseMessageId, splitMessageIds } from '../message-id.js';
import { readAddress, readAddresses, readEnvelope } from './read-addresses.js';
import { readAttachments } from './read-attachments.js';
import { NONE, readBoolean, readBody, readChoice, readDate, readLine } from './read-basics.js';
import { readMetadata, readTags } from './read-basics.js';
import { readCalendar } from './read-calendar.js';
import { readDsn } from './read-dsn.js';
import { readHeaders } from './read-headers.js';
import { readList } from './read-list.js';
import { readProviderOptions } from './read-provider-options.js';
import { SizeMeter } from './size-meter.js';
import { show } from '../text.js';

const PRIORITIES = ['high', 'normal', 'low'] as const;
const SUBJECT = { tab: true, empty: true } as const;

/** A validated message: all of a mail but what names it. It shares nothing with the caller's object. */
export interface MailDraft extends Omit<Mail, 'id' | 'createdAt' | 'messageId' | 'template'> {
  readonly messageId?: string;
}

/** With every optional key written out, if only as `undefined`. */
type Complete<T> = { readonly [K in keyof Required<T>]: T[K] };

type Read<T> = (issues: IssueList, path: string, value: unknown) => T;

/** The message's own fields, with the module's defaults behind them; each is read once. */
class Fields {
  constructor(
    private readonly issues: IssueList,
    private readonly message: object,
    private readonly defaults: object | undefined,
    /** The message comes out of storage, where a release before may have put it. */
    readonly stored: boolean,
  ) {}

  own(key: MessageField): unknown {
    return readField(this.message, key);
  }

  fallback(key: MessageField): unknown {
    return this.defaults && readField(this.defaults, key);
  }

  /** Reads with `read`, which is told the path of the value that it gets. */
  read<T>(key: MessageField, read: Read<T>): T {
    const own = this.own(key);
    const value = own ?? this.fallback(key);
    // Absent in both, as most fields are, or null, which is an error that stands in the message.
    if (own !== undefined || value === undefined) return read(this.issues, key, own);
    return read(this.issues, `defaults.${key}`, value);
  }
}

function readMessageIds(issues: IssueList, path: string, value: unknown): readonly string[] {
  if (value === undefined) return NONE;
  const ids: string[] = [];
  const add = (at: string, item: unknown): void => {
    const line = readLine(issues, at, item ?? null);
    for (const part of line === undefined ? [] : splitMessageIds(line)) {
      const id = parseMessageId(part);
      if (typeof id === 'string') ids.push(id);
      else issues.addFault(at, id);
    }
  };
  if (Array.isArray(value)) value.forEach((item, index) => add(`${path}[${index}]`, item));
  else add(path, value);
  return ids;
}

function readMessageId(
  issues: IssueList,
  path: string,
  value: unknown,
  options?: { strict: boolean },
): string | undefined {
  const line = readLine(issues, path, value);
  if (line === undefined) return undefined;
  const id = parseMessageId(line, options);
  if (typeof id === 'string') return id;
  issues.addFault(path, id);
  return undefined;
}

function readOwnMessageId(issues: IssueList, path: string, value: unknown): string | undefined {
  return readMessageId(issues, path, value, { strict: true });
}

function readPriority(issues: IssueList, path: string, value: unknown): Mail['priority'] {
  return readChoice(issues, path, value, PRIORITIES);
}

/** The message's headers win over defaults of the same name, which go first. */
function mergeHeaders(defaults: MailHeader[], own: MailHeader[]): readonly MailHeader[] {
  if (defaults.length === 0) return own;
  const names = new Set(own.map(({ name }) => name.toLowerCase()));
  return [...defaults.filter(({ name }) => !names.has(name.toLowerCase())), ...own];
}

function readAllHeaders(
  issues: IssueList,
  fields: Fields,
  priority: boolean,
): readonly MailHeader[] {
  const own = fields.own('headers');
  const fallback = fields.fallback('headers');
  const listHeaders = fields.read('list', readList);
  if (own === undefined && fallback === undefined) return listHeaders;
  const list = new Set(listHeaders.map(({ name }) => name.toLowerCase()));
  const taken = { priority, list, stored: fields.stored };
  const extra = mergeHeaders(
    readHeaders(issues, 'defaults.headers', fallback, taken),
    readHeaders(issues, 'headers', own, taken),
  );
  return listHeaders.length === 0 ? extra : [...extra, ...listHeaders];
}

function readAllTags(issues: IssueList, fields: Fields): readonly string[] {
  const fallback = readTags(issues, 'defaults.tags', fields.fallback('tags'));
  const own = readTags(issues, 'tags', fields.own('tags'));
  return fallback.length === 0 ? own : [...new Set([...fallback, ...own])];
}

/** From, recipients and envelope. */
function readParties(issues: IssueList, fields: Fields) {
  const before = issues.count;
  const from = fields.read('from', readAddress);
  if (!from && issues.count === before) {
    issues.add('from', 'is missing', "Set `from` or the module's `defaults.from`");
  }
  const sender = fields.read('sender', readAddress);
  const beforeRecipients = issues.count;
  const to = fields.read('to', readAddresses);
  const cc = fields.read('cc', readAddresses);
  const bcc = fields.read('bcc', readAddresses);
  const recipients = cc.length + bcc.length === 0 ? to : [...to, ...cc, ...bcc];
  const envelope = fields.read('envelope', (_, path, value) =>
    readEnvelope(issues, path, value, { from, sender, recipients }),
  );
  if (envelope.to.length === 0 && issues.count === beforeRecipients) {
    issues.add('to', 'there is no recipient', 'Name at least one in `to`, `cc` or `bcc`');
  }
  return { from, sender, to, cc, bcc, envelope, replyTo: fields.read('replyTo', readAddresses) };
}

function readSubject(issues: IssueList, path: string, value: unknown): string | undefined {
  return readLine(issues, path, value, SUBJECT);
}

function measured(meter: SizeMeter, path: string, text: string | undefined): string | undefined {
  if (text !== undefined) meter.addText(path, text);
  return text;
}

/** Subject, bodies, attachments, and what a provider makes of them. */
function readContent(issues: IssueList, fields: Fields, meter: SizeMeter) {
  const before = issues.count;
  const subject = measured(meter, 'subject', fields.read('subject', readSubject));
  const text = measured(meter, 'text', fields.read('text', readBody));
  const html = measured(meter, 'html', fields.read('html', readBody));
  const amp = measured(meter, 'amp', fields.read('amp', readBody));
  const icalEvent = fields.read('icalEvent', (_, path, value) =>
    readCalendar(issues, path, value, fields.stored),
  );
  measured(meter, 'icalEvent.content', icalEvent?.content);
  const attachments = fields.read('attachments', (_, path, value) =>
    readAttachments(issues, path, value, meter),
  );
  // A provider's template may bring all of it.
  const providerOptions = readProviderOptions(
    issues,
    fields.fallback('providerOptions'),
    fields.own('providerOptions'),
  );
  if (providerOptions) meter.addText('providerOptions', JSON.stringify(providerOptions));
  const parts = [subject, text, html, amp, icalEvent, providerOptions];
  const absent = parts.every((part) => part === undefined);
  if (absent && attachments.length === 0 && issues.count === before) {
    issues.add('text', 'there is no content', "Set `subject`, `text` (`''` is fine) or `html`");
  }
  return { subject: subject ?? '', text, html, amp, icalEvent, attachments, providerOptions };
}

/** Headers, labels, and what says when and in answer to what. */
function readRest(issues: IssueList, fields: Fields, meter: SizeMeter) {
  const priority = fields.read('priority', readPriority);
  const headers = readAllHeaders(issues, fields, priority !== undefined);
  for (const { name, value } of headers) meter.addText(`headers.${name}`, value);
  const metadata: Record<string, string> = {};
  readMetadata(issues, 'defaults.metadata', fields.fallback('metadata'), metadata);
  readMetadata(issues, 'metadata', fields.own('metadata'), metadata);
  return {
    priority,
    headers,
    messageId: fields.read('messageId', readOwnMessageId),
    inReplyTo: fields.read('inReplyTo', readMessageId),
    references: fields.read('references', readMessageIds),
    date: fields.read('date', readDate),
    sendAt: fields.read('sendAt', readDate),
    dsn: fields.read('dsn', readDsn),
    // False is what its absence means; it may stand against a default.
    requireTls: fields.read('requireTLSExtensionEnabled', readBoolean) === true,
    tags: readAllTags(issues, fields),
    metadata,
  };
}

/** Reads a message and adds every fault to `issues`; `undefined` when there was any. */
export function readMessage(
  issues: IssueList,
  message: unknown,
  options: {
    readonly defaults?: object;
    readonly maxBytes: number;
    /** Out of storage, where what an older release took is read as it is, whatever its counts. */
    readonly stored?: boolean;
  },
): MailDraft | undefined {
  if (!isObject(message)) {
    issues.add('message', `expected an object, got ${show(message)}`, 'Give a MailMessage');
    return undefined;
  }
  checkUnknown(issues, '', message, MESSAGE_FIELDS, MESSAGE_INSTEAD);
  if (options.defaults) {
    checkUnknown(issues, 'defaults', options.defaults, MESSAGE_FIELDS, MESSAGE_INSTEAD);
  }
  const fields = new Fields(issues, message, options.defaults, options.stored === true);
  const meter = new SizeMeter(options.maxBytes);
  const parties = readParties(issues, fields);
  const { from } = parties;
  const content = readContent(issues, fields, meter);
  const rest = readRest(issues, fields, meter);
  meter.report(issues);
  if (options.stored !== true) {
    checkBounds(issues, { ...parties, ...content, ...rest });
    checkMetadata(issues, 'metadata', rest.metadata);
  }
  if (from === undefined || issues.count > 0) return undefined;
  // Field by field: a spread gives the object a slow form. All of them, and the compiler sees to that.
  const draft: Complete<MailDraft> = {
    from,
    sender: parties.sender,
    to: parties.to,
    cc: parties.cc,
    bcc: parties.bcc,
    replyTo: parties.replyTo,
    envelope: parties.envelope,
    subject: content.subject,
    text: content.text,
    html: content.html,
    amp: content.amp,
    icalEvent: content.icalEvent,
    attachments: content.attachments,
    providerOptions: content.providerOptions,
    priority: rest.priority,
    headers: rest.headers,
    messageId: rest.messageId,
    inReplyTo: rest.inReplyTo,
    references: rest.references,
    date: rest.date,
    sendAt: rest.sendAt,
    dsn: rest.dsn,
    requireTLSExtensionEnabled: rest.requireTls || undefined,
    tags: rest.tags,
    metadata: rest.metadata,
  };
  return draft;
}
