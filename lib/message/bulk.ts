import { randomBytes } from 'node:crypto';
import { checkMetadata } from './read/bounds.js';
import { checkUnknown, isObject, readField } from './read/fields.js';
import { IssueList } from './read/issues.js';
import type { Mail, MailAddress } from './mail.js';
import { makeMessageId } from './message-id.js';
import type { MailAddressInput, MailMessage } from './message.js';
import { copyPlain, isPlain } from './read/plain-data.js';
import type { MailJson } from './provider-options.js';
import { reading } from './read/reading.js';
import { readAddress } from './read/read-addresses.js';
import { readMetadata } from './read/read-basics.js';
import { bodyTextFault, fieldTextFault, show } from './text.js';
import { uuidv7 } from './uuid.js';

/** A message for many; each recipient gets a mail of its own. */
export type MailBulkMessage = Omit<MailMessage, 'to' | 'cc' | 'bcc' | 'envelope' | 'messageId'>;

/** Who gets a bulk message, and what differs for them. */
export interface MailBulkRecipientInput {
  readonly to: MailAddressInput;
  /**
   * Text, numbers and booleans fill `{{ name }}` in subject, text, html (escaped there) and amp. With
   * a provider's template all of it is the template's data.
   */
  readonly context?: Readonly<Record<string, MailJson | undefined>>;
  /** Over the message's `metadata`, key by key. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export type MailBulkRecipient = MailAddressInput | MailBulkRecipientInput;

/** What a mail to one recipient has of its own. */
export interface MailBulkEntry {
  readonly id: string;
  readonly messageId: string;
  readonly to: MailAddress;
  /** All of it, the message's included. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Tag in the shared subject, text, html and amp → the text that takes its place. */
  readonly substitutions: Readonly<Record<string, string>>;
  /** Plain data, for the provider's own template. */
  readonly context: Readonly<Record<string, unknown>>;
}

const FIELD = /\{\{\s*([A-Za-z_][\w.-]{0,63})\s*\}\}/g;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Who stands in `to` of the shared mail, where nobody is meant yet. */
export const BULK_PLACEHOLDER = 'recipient@example.com';

/** One message for many: what all share, and each recipient's part of it. */
export class BulkMail {
  /** With a tag in place of each `{{ name }}`. The tags are random: no recipient's text can hold one. */
  readonly shared: Mail;
  private readonly tags = new Map<string, { field: string; kind: 'line' | 'text' | 'html' }>();
  private readonly secret = randomBytes(6).toString('hex');

  constructor(mail: Mail) {
    const { subject, text, html, amp } = mail;
    this.shared = Object.freeze({
      ...mail,
      subject: this.tagged(subject, 'line'),
      ...(text !== undefined && { text: this.tagged(text, 'text') }),
      ...(html !== undefined && { html: this.tagged(html, 'html') }),
      ...(amp !== undefined && { amp: this.tagged(amp, 'html') }),
    });
  }

  /** @throws MailValidationError */
  entry(recipient: unknown, index: number, now: number): MailBulkEntry {
    return reading(() => this.read(recipient, index, now), `recipients[${index}]`);
  }

  private read(recipient: unknown, index: number, now: number): MailBulkEntry {
    const issues = new IssueList();
    const path = `recipients[${index}]`;
    const given = isObject(recipient) && 'to' in recipient ? recipient : { to: recipient };
    checkUnknown(issues, path, given, ['to', 'context', 'metadata']);
    const to = readAddress(issues, `${path}.to`, readField(given, 'to') ?? '');
    const context = readContext(issues, `${path}.context`, readField(given, 'context'));
    const metadata: Record<string, string> = { ...this.shared.metadata };
    readMetadata(issues, `${path}.metadata`, readField(given, 'metadata'), metadata);
    checkMetadata(issues, `${path}.metadata`, metadata);
    const substitutions: Record<string, string> = {};
    for (const [tag, { field, kind }] of this.tags) {
      substitutions[tag] = fill(issues, `${path}.context.${field}`, context, field, kind);
    }
    issues.throwIfAny();
    if (!to) return issues.raise();
    const id = uuidv7(now);
    const messageId = makeMessageId(id, this.shared.from.address);
    return Object.freeze({ id, messageId, to, metadata, substitutions, context });
  }

  private tagged(text: string, kind: 'line' | 'text' | 'html'): string {
    return text.replace(FIELD, (_, field: string) => {
      // `~` is in no field's name, so that no tag is the beginning of another.
      const tag = `-${this.secret}.${kind}.${field}~`;
      this.tags.set(tag, { field, kind });
      return tag;
    });
  }
}

/** The shared mail with one recipient in place, its tags as they are. */
export function entryMail(shared: Mail, { id, messageId, to, metadata }: MailBulkEntry): Mail {
  const envelope = Object.freeze({ from: shared.envelope.from, to: Object.freeze([to.address]) });
  return { ...shared, id, messageId, envelope, to: Object.freeze([to]), metadata };
}

/** The whole mail to one recipient. */
export function fillMail(shared: Mail, entry: MailBulkEntry): Mail {
  const substitutions = Object.entries(entry.substitutions);
  const filled = (text: string): string =>
    substitutions.reduce((done, [tag, value]) => done.replaceAll(tag, () => value), text);
  const { subject, text, html, amp } = shared;
  return Object.freeze({
    ...entryMail(shared, entry),
    subject: filled(subject),
    ...(text !== undefined && { text: filled(text) }),
    ...(html !== undefined && { html: filled(html) }),
    ...(amp !== undefined && { amp: filled(amp) }),
  });
}

/** Fields that a bulk message cannot have, since each recipient's mail has its own. */
export function refuseRecipientFields(message: object): void {
  const issues = new IssueList();
  for (const field of ['to', 'cc', 'bcc', 'envelope', 'messageId']) {
    if (readField(message, field) === undefined) continue;
    issues.add(
      field,
      'may not stand in a bulk message',
      'Name the recipients in the second argument',
    );
  }
  issues.throwIfAny();
}

/** Recipients that a default or an interceptor gave what all share: nobody would write to them. */
export function refuseOtherRecipients({ to, cc, bcc, envelope }: Mail): void {
  const issues = new IssueList();
  const nobody = (list: readonly string[]): boolean =>
    list.length === 1 && list[0] === BULK_PLACEHOLDER;
  const strange = {
    to: !nobody(to.map(({ address }) => address)),
    cc: cc.length > 0,
    bcc: bcc.length > 0,
  };
  const fields = Object.entries(strange).flatMap(([field, is]) => (is ? [field] : []));
  if (fields.length === 0 && !nobody(envelope.to)) fields.push('envelope');
  for (const field of fields) {
    issues.add(
      field,
      'comes from a default or an interceptor, and may not stand in a bulk message',
      'Leave it out there for this message, or call `send` for each recipient',
    );
  }
  issues.throwIfAny();
}

function readContext(
  issues: IssueList,
  path: string,
  value: unknown,
): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  if (isPlain(value)) return copyPlain(issues, path, value) as Readonly<Record<string, unknown>>;
  issues.add(path, `expected an object, got ${show(value)}`, 'Write `context: { name: "Jo" }`');
  return {};
}

function fill(
  issues: IssueList,
  path: string,
  context: Readonly<Record<string, unknown>>,
  field: string,
  kind: 'line' | 'text' | 'html',
): string {
  const value = Object.hasOwn(context, field) ? context[field] : undefined;
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    const got = value === undefined ? 'is missing' : `expected text, got ${show(value)}`;
    issues.add(path, got, `The message says {{ ${field} }}; give a text, number or boolean`);
    return '';
  }
  const text = String(value);
  const fault = kind === 'line' ? fieldTextFault(text, true) : bodyTextFault(text);
  if (fault) issues.addFault(path, fault);
  return kind === 'html' ? text.replace(/[&<>"']/g, (character) => ENTITIES[character]!) : text;
}
