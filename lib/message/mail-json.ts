import { types } from 'node:util';
import { checkUnknown, isObject, MESSAGE_FIELDS, readField } from './read/fields.js';
import { freezeMail } from './freeze-mail.js';
import { IssueList } from './read/issues.js';
import type { Mail } from './mail.js';
import { readDate, readLine } from './read/read-basics.js';
import { show } from './text.js';
import { isUuidV7 } from './uuid.js';
import { reading } from './read/reading.js';
import { readMessage } from './read/validate.js';

/** A mail's fields that a message has under the same name and in a form that it takes. */
const SHARED = MESSAGE_FIELDS.filter(
  (field) => field !== 'headers' && field !== 'attachments' && field !== 'list',
);
const MAIL_FIELDS = ['id', 'createdAt', 'template', 'headers', 'attachments', ...SHARED];
const ATTACHMENT_FIELDS = ['filename', 'contentType', 'content', 'cid', 'disposition'];
const FIX = 'Take only what JSON.stringify made of a Mail';

function headerInput(issues: IssueList, value: unknown, index: number): unknown {
  if (!isObject(value)) return value;
  checkUnknown(issues, `headers[${index}]`, value, ['name', 'value']);
  return { key: readField(value, 'name'), value: readField(value, 'value') };
}

/** `{ base64 }` out of JSON, or the bytes themselves after a structured clone. */
function contentInput(issues: IssueList, path: string, content: unknown): object {
  if (types.isUint8Array(content)) return { content };
  const base64 = isObject(content) ? readField(content, 'base64') : undefined;
  if (typeof base64 !== 'string') {
    issues.add(path, `expected { base64 }, got ${show(content)}`, FIX);
    return { content: '' };
  }
  checkUnknown(issues, path, content as object, ['base64']);
  return { content: base64, encoding: 'base64' };
}

function attachmentInput(issues: IssueList, value: unknown, index: number): unknown {
  if (!isObject(value)) return value;
  const path = `attachments[${index}]`;
  checkUnknown(issues, path, value, ATTACHMENT_FIELDS, {
    path: 'Stored mail carries its bytes; it never names a file to read',
    href: 'Stored mail carries its bytes; it never names a URL to fetch',
  });
  return {
    filename: readField(value, 'filename'),
    contentType: readField(value, 'contentType'),
    ...contentInput(issues, `${path}.content`, readField(value, 'content')),
    cid: readField(value, 'cid'),
    contentDisposition: readField(value, 'disposition'),
  };
}

function mapArray(value: unknown, map: (item: unknown, index: number) => unknown): unknown {
  return Array.isArray(value) ? value.map(map) : value;
}

function parseText(issues: IssueList, json: unknown): unknown {
  if (typeof json !== 'string') return json;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    issues.add('mail', 'is not valid JSON', FIX);
    return issues.raise();
  }
}

/**
 * The mail again out of storage: of what `JSON.stringify(mail)` gave, or of its parsed form.
 * Everything is checked as if a stranger had written it, since a queue may be written by hand.
 *
 * @throws MailValidationError with every fault.
 */
export function parseMail(json: unknown): Mail {
  return reading(() => parsed(json), 'mail');
}

function parsed(json: unknown): Mail {
  const issues = new IssueList();
  const stored = parseText(issues, json);
  if (!isObject(stored)) {
    issues.add('mail', `expected an object, got ${show(stored)}`, FIX);
    return issues.raise();
  }
  checkUnknown(issues, '', stored, MAIL_FIELDS);
  const message: Record<string, unknown> = {
    headers: mapArray(readField(stored, 'headers'), (item, i) => headerInput(issues, item, i)),
    attachments: mapArray(readField(stored, 'attachments'), (item, i) =>
      attachmentInput(issues, item, i),
    ),
  };
  for (const key of SHARED) message[key] = readField(stored, key);
  const id = readField(stored, 'id');
  if (!isUuidV7(id)) issues.add('id', `expected a UUIDv7, got ${show(id)}`, FIX);
  const createdAt = readDate(issues, 'createdAt', readField(stored, 'createdAt') ?? null);
  const template = readLine(issues, 'template', readField(stored, 'template'));
  if (message['messageId'] === undefined) issues.add('messageId', 'is missing', FIX);
  if (message['envelope'] === undefined) issues.add('envelope', 'is missing', FIX);
  const draft = readMessage(issues, message, { maxBytes: Number.POSITIVE_INFINITY, stored: true });
  const messageId = draft?.messageId;
  if (!draft || !isUuidV7(id) || createdAt === undefined || messageId === undefined) {
    return issues.raise();
  }
  return freezeMail({ id, messageId, createdAt, template }, draft);
}
