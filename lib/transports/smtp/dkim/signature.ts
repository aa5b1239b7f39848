import { createHash, createPrivateKey, sign } from 'node:crypto';
import { fold } from '../../../message/mime/fold.js';
import type { SmtpDkimOptions } from './dkim.options.js';
import { namesOf } from './field-names.js';
import { relaxedBody, relaxedValue } from './relaxed.js';

/** The fields that RFC 6376 §5.4.1 recommends, and both of one-click unsubscription (RFC 8058 §4). */
const DEFAULT_FIELDS = [
  ...['from', 'sender', 'reply-to', 'subject', 'date', 'message-id', 'to', 'cc', 'mime-version'],
  ...['content-type', 'content-transfer-encoding', 'content-id', 'content-description'],
  ...['resent-date', 'resent-from', 'resent-sender', 'resent-to', 'resent-cc'],
  ...['resent-message-id', 'in-reply-to', 'references', 'list-id', 'list-help'],
  ...[
    'list-unsubscribe',
    'list-unsubscribe-post',
    'list-subscribe',
    'list-post',
    'list-owner',
    'list-archive',
  ],
  'otp-token',
];
/** With `oversign` nobody may add one of these either, where the mail has none. */
const NEVER_ADDED: ReadonlySet<string> = new Set(['from', 'reply-to', 'subject', 'to', 'cc']);
/** A longer `h=` is folded at its colons. */
const LONG_LIST = 900;
const HEAD_END = Buffer.from('\r\n\r\n');

/** Returns the DKIM-Signature field (RFC 6376, RFC 8463) of a mail with CRLF line ends, without its last CRLF. */
export type DkimSigner = (mail: Uint8Array) => string;

/** Reads the key once, for many mails. */
export function dkimSigner(options: SmtpDkimOptions): DkimSigner {
  const { domainName, keySelector, headerFieldNames, skipFields, oversign = false } = options;
  const key = createPrivateKey(options.privateKey);
  const ed25519 = key.asymmetricKeyType === 'ed25519';
  const skipped = new Set(namesOf(skipFields));
  const names = (
    headerFieldNames === undefined ? DEFAULT_FIELDS : namesOf(headerFieldNames)
  ).filter((name) => !skipped.has(name));
  return (mail) => {
    const bytes = Buffer.from(mail.buffer, mail.byteOffset, mail.byteLength);
    const found = bytes.indexOf(HEAD_END);
    const end = found < 0 ? bytes.length : found;
    const fields = fieldsOf(bytes.toString('latin1', 0, end));
    const covered = coveredFields(names, fields, oversign);
    const list = covered.map(({ name }) => name);
    const bodyHash = sha256(relaxedBody(bytes.subarray(end + HEAD_END.length))).toString('base64');
    const tags = [
      'v=1',
      `a=${ed25519 ? 'ed25519' : 'rsa'}-sha256`,
      'c=relaxed/relaxed',
      `d=${domainName}`,
      'q=dns/txt',
      `s=${keySelector}`,
      `bh=${bodyHash}`,
      `h=${list.join(list.join(':').length > LONG_LIST ? ': ' : ':')}`,
      'b=',
    ];
    const unsigned = `DKIM-Signature: ${tags.join('; ')}`;
    const signed = [
      ...covered.flatMap(({ name, value }) =>
        value === undefined ? [] : [`${name}:${value}\r\n`],
      ),
      unsigned.replace('DKIM-Signature: ', 'dkim-signature:'),
    ].join('');
    const data = Buffer.from(signed, 'latin1');
    // RFC 8463 §3: Ed25519 signs the hash, as if that were the message.
    const value = ed25519 ? sign(null, sha256(data), key) : sign('sha256', data, key);
    return fold(unsigned, 'dkim') + folded(value.toString('base64'));
  };
}

interface CoveredField {
  readonly name: string;
  /** Absent where the signature says that there is no such field, or no more of them. */
  readonly value?: string;
}

/**
 * What `h=` names, in order. A name stands for the next field of it from the bottom up, and past the
 * last one for its absence (RFC 6376 §5.4.2 and §8.15), which only a repeated name asks for.
 */
function coveredFields(
  names: readonly string[],
  fields: ReadonlyMap<string, readonly string[]>,
  oversign: boolean,
): readonly CoveredField[] {
  const taken = new Map<string, number>();
  const covered: CoveredField[] = [];
  const take = (name: string, repeated: boolean): void => {
    const count = taken.get(name) ?? 0;
    const value = fields.get(name)?.at(-1 - count);
    taken.set(name, count + 1);
    if (value !== undefined) covered.push({ name, value });
    else if (repeated) covered.push({ name });
  };
  for (const name of names) take(name, taken.has(name));
  if (!oversign) return covered;
  for (const name of new Set(names)) {
    const present = fields.get(name)?.length ?? 0;
    if (present === 0 && !NEVER_ADDED.has(name)) continue;
    // Every field of the name, and that there is no other.
    while ((taken.get(name) ?? 0) < present) take(name, true);
    if (covered.every((field) => field.name !== name || field.value !== undefined)) {
      covered.push({ name });
    }
  }
  return covered;
}

/** The fields of each name in their order, in relaxed form. */
function fieldsOf(head: string): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>();
  for (const field of head.split(/\r\n(?![ \t])/)) {
    const colon = field.indexOf(':');
    const name = field.slice(0, colon).trimEnd().toLowerCase();
    const value = relaxedValue(field.slice(colon + 1));
    const others = fields.get(name);
    if (others) others.push(value);
    else fields.set(name, [value]);
  }
  return fields;
}

function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

/** White space within `b=` counts for nothing (RFC 6376 §3.5). */
function folded(base64: string): string {
  return base64.replace(/.{1,72}/g, '\r\n $&');
}
