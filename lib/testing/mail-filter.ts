import type { OutboxMail } from './outbox-mail.js';

/** A string is compared as a whole (addresses whatever their case), a RegExp searches. */
export interface MailFilterFields {
  /** One of the recipients, blind copies included. */
  readonly to?: string;
  readonly from?: string;
  readonly subject?: string | RegExp;
  readonly text?: string | RegExp;
  readonly html?: string | RegExp;
  /** One of the links. */
  readonly link?: string | RegExp;
  /** Filename or Content-ID of an attachment. */
  readonly attachment?: string;
  readonly tag?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export type MailFilter = MailFilterFields | ((mail: OutboxMail) => boolean);

/** `search` minds no `lastIndex`: a pattern with `g` is asked more than once. */
const meets = (expected: string | RegExp, got: string) =>
  typeof expected === 'string' ? expected === got : got.search(expected) >= 0;

const show = (value: unknown) => (value instanceof RegExp ? String(value) : JSON.stringify(value));

/** What of the filter a mail does not meet; empty when it is the one. */
export function mismatches(mail: OutboxMail, filter: MailFilter): string[] {
  if (typeof filter === 'function') return filter(mail) ? [] : ['the function answered false'];
  const faults: string[] = [];
  const fault = (field: string, expected: unknown, got: unknown) =>
    faults.push(`${field}: expected ${show(expected)}, got ${show(got)}`);
  const one = (field: 'subject' | 'text' | 'html') => {
    const expected = filter[field];
    const got = mail[field];
    if (expected !== undefined && !meets(expected, got)) fault(field, expected, got);
  };
  const among = (field: string, expected: string | RegExp | undefined, got: readonly string[]) => {
    if (expected === undefined) return;
    if (!got.some((value) => meets(expected, value))) fault(field, expected, got);
  };
  const lower = (address: string) => address.toLowerCase();
  const { attachments, tags, metadata } = mail.mail;
  among('to', filter.to?.toLowerCase(), mail.recipients.map(lower));
  among('from', filter.from?.toLowerCase(), [lower(mail.from)]);
  one('subject');
  one('text');
  one('html');
  among('link', filter.link, mail.links);
  among(
    'attachment',
    filter.attachment,
    attachments.flatMap(({ filename, cid }) => [...new Set([filename ?? [], cid ?? []].flat())]),
  );
  among('tag', filter.tag, tags);
  for (const [key, value] of Object.entries(filter.metadata ?? {})) {
    if (metadata[key] !== value) fault(`metadata.${key}`, value, metadata[key] ?? null);
  }
  return faults;
}

export function describeFilter(filter: MailFilter): string {
  if (typeof filter === 'function') return '  that the given function accepts';
  return Object.entries(filter)
    .map(([field, value]) => `  ${field}: ${show(value)}`)
    .join('\n');
}
