import { describe } from '../option-reader.js';
import { checkUnknown, isObject, MESSAGE_FIELDS, MESSAGE_INSTEAD, readField } from './fields.js';
import type { MessageField } from './fields.js';
import type { IssueList } from './issues.js';
import type { Mail, MailHeader } from './mail.js';
import { parseMessageId, splitMessageIds } from './message-id.js';
import { readAddress, readAddresses, readEnvelope } from './read-addresses.js';
import { readAttachments } from './read-attachments.js';
import { NONE, readBody, readChoice, readDate, readLine } from './read-basics.js';
import { readMetadata, readTags } from './read-basics.js';
import { readHeaders } from './read-headers.js';
import { readList } from './read-list.js';
import { SizeMeter } from './size-meter.js';
import { show } from './text.js';

/** A validated message: all of a mail but what names it. */
export type MailDraft = { -readonly [K in keyof Mail]?: Mail[K] };

const ICAL_METHODS = [
  'PUBLISH',
  'REQUEST',
  'REPLY',
  'CANCEL',
  'ADD',
  'REFRESH',
  'COUNTER',
] as const;

/** The message's own fields, with the module's defaults behind them; each is read once. */
class Fields {
  constructor(
    private readonly message: object,
    private readonly defaults: object | undefined,
  ) {}

  own(key: MessageField): unknown {
    return readField(this.message, key);
  }

  fallback(key: MessageField): unknown {
    return this.defaults && readField(this.defaults, key);
  }

  /** Reads with `read`, which is told the path of the value that it gets. */
  read<T>(key: MessageField, read: (path: string, value: unknown) => T): T {
    const value = this.own(key);
    if (value !== undefined || !this.defaults) return read(key, value);
    return read(`defaults.${key}`, this.fallback(key));
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
  strict: boolean,
): string | undefined {
  const line = readLine(issues, path, value);
  if (line === undefined) return undefined;
  const id = parseMessageId(line, { strict });
  if (typeof id === 'string') return id;
  issues.addFault(path, id);
  return undefined;
}

function readCalendar(issues: IssueList, path: string, value: unknown): Mail['icalEvent'] {
  if (value === undefined) return undefined;
  if (!isObject(value)) {
    issues.add(path, `expected an object, got ${show(value)}`, 'Write `{ method, content }`');
    return undefined;
  }
  checkUnknown(issues, path, value, ['method', 'content'], {
    path: 'Read the file yourself and give `content`',
    href: 'Fetch the URL yourself and give `content`',
    filename: 'Remove it; to offer the file as well, add it to `attachments`',
    encoding: 'Remove it: `content` is a string',
  });
  const method = readChoice(issues, `${path}.method`, readField(value, 'method'), ICAL_METHODS);
  const content = readBody(issues, `${path}.content`, readField(value, 'content') ?? null);
  return content === undefined ? undefined : { method: method ?? 'PUBLISH', content };
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
  const listHeaders = fields.read('list', (path, value) => readList(issues, path, value));
  if (own === undefined && fallback === undefined) return listHeaders;
  const list = new Set(listHeaders.map(({ name }) => name.toLowerCase()));
  const taken = { priority, list };
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

/**
 * Reads a message and adds every fault to `issues`. The draft is complete when none was added; it
 * shares nothing with the caller's object.
 */
export function readMessage(
  issues: IssueList,
  message: unknown,
  options: { defaults?: object; maxBytes: number },
): MailDraft {
  if (!isObject(message)) {
    issues.add('message', `expected an object, got ${describe(message)}`, 'Give a MailMessage');
    return {};
  }
  checkUnknown(issues, '', message, MESSAGE_FIELDS, MESSAGE_INSTEAD);
  if (options.defaults) {
    checkUnknown(issues, 'defaults', options.defaults, MESSAGE_FIELDS, MESSAGE_INSTEAD);
  }
  const fields = new Fields(message, options.defaults);
  const meter = new SizeMeter(options.maxBytes);
  const addressList = (path: string, value: unknown) => readAddresses(issues, path, value);
  let hasContent = false;
  const one = (path: string, value: unknown) => readAddress(issues, path, value);
  const body = (path: string, value: unknown): string | undefined => {
    const text = readBody(issues, path, value);
    if (text === undefined) return undefined;
    hasContent = true;
    meter.addText(path, text);
    return text;
  };

  const draft: MailDraft = {};
  const before = issues.count;
  const from = fields.read('from', one);
  if (from) draft.from = from;
  else if (issues.count === before) {
    issues.add('from', 'is missing', "Set `from` or the module's `defaults.from`");
  }
  const sender = fields.read('sender', one);
  if (sender) draft.sender = sender;
  const beforeRecipients = issues.count;
  const to = (draft.to = fields.read('to', addressList));
  const cc = (draft.cc = fields.read('cc', addressList));
  const bcc = (draft.bcc = fields.read('bcc', addressList));
  const recipients = cc.length + bcc.length === 0 ? to : [...to, ...cc, ...bcc];
  draft.envelope = fields.read('envelope', (path, value) =>
    readEnvelope(issues, path, value, { from, sender, recipients }),
  );
  if (draft.envelope.to.length === 0 && issues.count === beforeRecipients) {
    issues.add('to', 'there is no recipient', 'Name at least one in `to`, `cc` or `bcc`');
  }
  draft.replyTo = fields.read('replyTo', addressList);
  const beforeContent = issues.count;
  draft.subject = fields.read('subject', (path, value) => {
    hasContent = value !== undefined;
    const subject = readLine(issues, path, value, { tab: true, empty: true }) ?? '';
    meter.addText(path, subject);
    return subject;
  });
  const text = fields.read('text', body);
  if (text !== undefined) draft.text = text;
  const html = fields.read('html', body);
  if (html !== undefined) draft.html = html;
  const amp = fields.read('amp', body);
  if (amp !== undefined) draft.amp = amp;
  const icalEvent = fields.read('icalEvent', (path, value) => readCalendar(issues, path, value));
  if (icalEvent) {
    meter.addText('icalEvent.content', icalEvent.content);
    draft.icalEvent = Object.freeze(icalEvent);
  }
  draft.attachments = fields.read('attachments', (path, value) =>
    readAttachments(issues, path, value, meter),
  );
  hasContent ||= icalEvent !== undefined || draft.attachments.length > 0;
  if (!hasContent && issues.count === beforeContent) {
    issues.add('text', 'there is no content', "Set `subject`, `text` (`''` is fine) or `html`");
  }
  const priority = fields.read('priority', (path, value) =>
    readChoice(issues, path, value, ['high', 'normal', 'low']),
  );
  draft.headers = readAllHeaders(issues, fields, priority !== undefined);
  for (const { name, value } of draft.headers) meter.addText(`headers.${name}`, value);
  if (priority) draft.priority = priority;
  const messageId = fields.read('messageId', (p, v) => readMessageId(issues, p, v, true));
  if (messageId !== undefined) draft.messageId = messageId;
  const inReplyTo = fields.read('inReplyTo', (p, v) => readMessageId(issues, p, v, false));
  if (inReplyTo !== undefined) draft.inReplyTo = inReplyTo;
  draft.references = fields.read('references', (p, v) => readMessageIds(issues, p, v));
  const date = fields.read('date', (path, value) => readDate(issues, path, value));
  if (date !== undefined) draft.date = date;
  const sendAt = fields.read('sendAt', (path, value) => readDate(issues, path, value));
  if (sendAt !== undefined) draft.sendAt = sendAt;
  draft.tags = readAllTags(issues, fields);
  const metadata: Record<string, string> = {};
  readMetadata(issues, 'defaults.metadata', fields.fallback('metadata'), metadata);
  readMetadata(issues, 'metadata', fields.own('metadata'), metadata);
  draft.metadata = metadata;
  meter.report(issues);
  return draft;
}
