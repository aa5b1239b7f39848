import { suggest } from '../../base/suggest.js';
import type { MailAttachmentInput, MailMessageFields } from '../message.js';
import type { IssueList } from './issues.js';
import { show } from '../text.js';

/**
 * Every field that a caller may write, in the order in which errors list them. The compiler refuses a
 * field of the type that is missing here. How to add one: follow the compiler, which then asks for it
 * in `readMessage`, in `freezeMail` and in the table of each carrier (`MailFieldRules`).
 */
export const MESSAGE_FIELDS = keysOf<MailMessageFields>({
  from: true,
  sender: true,
  to: true,
  cc: true,
  bcc: true,
  replyTo: true,
  subject: true,
  text: true,
  html: true,
  amp: true,
  icalEvent: true,
  attachments: true,
  headers: true,
  list: true,
  inReplyTo: true,
  references: true,
  messageId: true,
  date: true,
  priority: true,
  envelope: true,
  dsn: true,
  requireTLSExtensionEnabled: true,
  tags: true,
  metadata: true,
  sendAt: true,
  providerOptions: true,
});

export type MessageField = keyof MailMessageFields;

export const ATTACHMENT_FIELDS = keysOf<MailAttachmentInput>({
  filename: true,
  contentType: true,
  content: true,
  encoding: true,
  cid: true,
  contentDisposition: true,
  path: true,
  href: true,
});

/** The keys of `T`, each of which has to be named. */
export function keysOf<T extends object>(
  named: Readonly<Record<keyof T, true>>,
): (keyof T & string)[] {
  return Object.keys(named) as (keyof T & string)[];
}

/** Fields that nodemailer or another mailer knows and we do not: what to use in their place. */
export const MESSAGE_INSTEAD: Readonly<Record<string, string>> = {
  raw: 'Give the parts instead: `text`, `html`, `attachments`, `headers`',
  alternatives: 'Use `text`, `html`, `amp` and `icalEvent`',
  encoding: 'Leave it out: each part gets the transfer encoding that suits it',
  textEncoding: 'Leave it out: each part gets the transfer encoding that suits it',
  watchHtml: 'Leave it out: no current client reads it; use `html`',
  attachDataUrls: 'Use `attachments` with a `cid`, and `<img src="cid:…">`',
  dkim: "Set `dkim` in the transport's options",
  auth: "Set `auth` in the transport's options",
  normalizeHeaderKey: 'Leave it out: header names are sent as written',
  disableFileAccess: 'Leave it out: files are never read unless `content.paths` allows them',
  disableUrlAccess: 'Leave it out: URLs are never fetched unless `content.origins` allows them',
  requireTLS: 'Use `requireTLSExtensionEnabled`, or set `requireTLS` in the transport’s options',
  requireTls: 'Use `requireTLSExtensionEnabled`, or set `requireTLS` in the transport’s options',
  xMailer: 'Use `headers: { "X-Mailer": "…" }`',
  template: 'Set the option `templates` of the module, so that it knows any',
  context: 'Name the `template` that it is for',
  reply_to: 'Use `replyTo`',
  send_at: 'Use `sendAt`',
  categories: 'Use `tags`',
  customArgs: 'Use `metadata`',
  custom_args: 'Use `metadata`',
  templateId: 'Use `providerOptions: { sendgrid: { templateId } }`',
  dynamicTemplateData: 'Use `providerOptions: { sendgrid: { dynamicTemplateData } }`',
};

/**
 * Reads a field once: an own property, or an accessor of the caller's class, but never what somebody
 * put on Object.prototype.
 */
export function readField(object: object, key: string): unknown {
  const value = (object as Record<string, unknown>)[key];
  // Most fields of a message are absent, so this is asked first.
  if (value === undefined) return undefined;
  return Object.hasOwn(object, key) || !(key in Object.prototype) ? value : undefined;
}

const DATA = { enumerable: true, configurable: true, writable: true } as const;

/** A shallow copy with the known fields, and the unknown own ones for the validation to name. */
export function copyFields(object: object, known: readonly string[]): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key of new Set([...known, ...Object.keys(object)])) {
    const value = readField(object, key);
    // Assigning would call the setter of `__proto__`.
    if (value !== undefined) Object.defineProperty(copy, key, { ...DATA, value });
  }
  return copy;
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Refuses own fields that nobody knows, `__proto__` out of JSON.parse among them. */
export function checkUnknown(
  issues: IssueList,
  path: string,
  object: object,
  known: readonly string[],
  instead: Readonly<Record<string, string>> = {},
): void {
  for (const key of Object.keys(object)) {
    if (known.includes(key)) continue;
    if (readField(object, key) === undefined) continue;
    if (issues.full) {
      issues.add(path, 'has more unknown fields', 'Remove them');
      continue;
    }
    let fix = Object.hasOwn(instead, key) ? instead[key] : undefined;
    if (fix === undefined) {
      const near = suggest(key, known);
      fix = near ? `Did you mean \`${near}\`?` : `Remove it. Known fields: ${known.join(', ')}`;
    }
    const plain = /^[\w$]{1,64}$/.test(key);
    const name = plain ? key : `[${show(key)}]`;
    const field = path === '' ? name : `${path}${plain ? '.' : ''}${name}`;
    issues.add(field, 'is an unknown field', fix);
  }
}
