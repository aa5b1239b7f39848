import type { Mail } from '../mail.js';
import type { IssueList } from './issues.js';

/**
 * How much of each a message may have; `docs/guides/messages.md` lists them. Bodies, headers and attachments are
 * bound by their size as sent, too. What was stored before is read without them.
 */
export const MAIL_BOUNDS = {
  /** Of the envelope; and of `to`, `cc` and `bcc` together. What common servers take in one transaction. */
  recipients: 1_000,
  replyTo: 100,
  references: 1_000,
  tags: 100,
  metadataKeys: 100,
  /** Keys and values together, in UTF-8. */
  metadataBytes: 65_536,
  headers: 1_000,
  attachments: 1_000,
} as const;

type Bounded = Pick<
  Mail,
  'to' | 'cc' | 'bcc' | 'replyTo' | 'envelope' | 'references' | 'tags' | 'headers' | 'attachments'
>;

function check(
  issues: IssueList,
  path: string,
  count: number,
  max: number,
  what: string,
  fix: string,
): void {
  if (count > max) issues.add(path, `holds ${count} ${what}, over the limit of ${max}`, fix);
}

export function checkBounds(issues: IssueList, mail: Bounded): void {
  const { to, cc, bcc, replyTo, envelope, references, tags, headers, attachments } = mail;
  const max = MAIL_BOUNDS;
  const named = to.length + cc.length + bcc.length;
  const byEnvelope = envelope.to.length > named;
  const largest = [to, cc, bcc].indexOf(
    [to, cc, bcc].reduce((a, b) => (b.length > a.length ? b : a)),
  );
  check(
    issues,
    byEnvelope ? 'envelope.to' : ['to', 'cc', 'bcc'][largest]!,
    Math.max(envelope.to.length, named),
    max.recipients,
    byEnvelope ? 'recipients' : 'recipients with the other fields',
    'Use `sendBulk`, which gives each recipient a mail of their own, or send several mails',
  );
  check(issues, 'replyTo', replyTo.length, max.replyTo, 'addresses', 'Name fewer');
  const oldest = 'Keep the first and the latest: readers thread by these (RFC 5322 §3.6.4)';
  check(issues, 'references', references.length, max.references, 'Message-IDs', oldest);
  check(issues, 'tags', tags.length, max.tags, 'tags', 'Use fewer');
  check(issues, 'headers', headers.length, max.headers, 'headers', 'Use fewer');
  const pack = 'Put them into one archive, or send a link';
  check(issues, 'attachments', attachments.length, max.attachments, 'attachments', pack);
}

export function checkMetadata(
  issues: IssueList,
  path: string,
  metadata: Readonly<Record<string, string>>,
): void {
  const { metadataKeys, metadataBytes } = MAIL_BOUNDS;
  const store = 'Keep the data with you, and give its id';
  const entries = Object.entries(metadata);
  check(issues, path, entries.length, metadataKeys, 'keys', store);
  let bytes = 0;
  for (const [key, value] of entries) bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  check(issues, path, bytes, metadataBytes, 'bytes of UTF-8', store);
}
