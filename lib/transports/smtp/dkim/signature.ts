import { createHash, createPrivateKey, sign } from 'node:crypto';
import { fold } from '../../../message/mime/fold.js';
import type { SmtpDkimOptions } from './dkim.options.js';
import { relaxedBody, relaxedValue } from './relaxed.js';

/** The fields that RFC 6376 §5.4.1 recommends, as nodemailer has them. */
const DEFAULT_FIELDS = [
  ...['from', 'sender', 'reply-to', 'subject', 'date', 'message-id', 'to', 'cc', 'mime-version'],
  ...['content-type', 'content-transfer-encoding', 'content-id', 'content-description'],
  ...['resent-date', 'resent-from', 'resent-sender', 'resent-to', 'resent-cc'],
  ...['resent-message-id', 'in-reply-to', 'references', 'list-id', 'list-help'],
  ...['list-unsubscribe', 'list-subscribe', 'list-post', 'list-owner', 'list-archive'],
  'otp-token',
];
const HEAD_END = Buffer.from('\r\n\r\n');

/** Answers the DKIM-Signature field (RFC 6376, RFC 8463) of a mail with CRLF line ends, without its last CRLF. */
export type DkimSigner = (mail: Uint8Array) => string;

/** Reads the key once, for many mails. */
export function dkimSigner(options: SmtpDkimOptions): DkimSigner {
  const { domainName, keySelector, headerFieldNames, skipFields } = options;
  const key = createPrivateKey(options.privateKey);
  const ed25519 = key.asymmetricKeyType === 'ed25519';
  const skipped = namesOf(skipFields);
  const names = (
    headerFieldNames === undefined ? DEFAULT_FIELDS : namesOf(headerFieldNames)
  ).filter((name) => !skipped.includes(name));
  return (mail) => {
    const bytes = Buffer.from(mail.buffer, mail.byteOffset, mail.byteLength);
    const found = bytes.indexOf(HEAD_END);
    const end = found < 0 ? bytes.length : found;
    const fields = fieldsOf(bytes.toString('latin1', 0, end));
    const present = names.filter((name) => fields.has(name));
    const bodyHash = sha256(relaxedBody(bytes.subarray(end + HEAD_END.length))).toString('base64');
    const tags = [
      'v=1',
      `a=${ed25519 ? 'ed25519' : 'rsa'}-sha256`,
      'c=relaxed/relaxed',
      `d=${domainName}`,
      'q=dns/txt',
      `s=${keySelector}`,
      `bh=${bodyHash}`,
      `h=${present.join(':')}`,
      'b=',
    ];
    const unsigned = `DKIM-Signature: ${tags.join('; ')}`;
    const signed = [
      ...present.map((name) => `${name}:${fields.get(name)!}\r\n`),
      unsigned.replace('DKIM-Signature: ', 'dkim-signature:'),
    ].join('');
    const data = Buffer.from(signed, 'latin1');
    // RFC 8463 §3: Ed25519 signs the hash, as if that were the message.
    const value = ed25519 ? sign(null, sha256(data), key) : sign('sha256', data, key);
    return fold(unsigned, 'dkim') + folded(value.toString('base64'));
  };
}

/** The last field of each name, in relaxed form: from the bottom up they are signed (RFC 6376 §5.4.2). */
function fieldsOf(head: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const field of head.split(/\r\n(?![ \t])/)) {
    const colon = field.indexOf(':');
    fields.set(field.slice(0, colon).trimEnd().toLowerCase(), relaxedValue(field.slice(colon + 1)));
  }
  return fields;
}

function namesOf(list = ''): readonly string[] {
  const names = list.toLowerCase().split(':');
  return [...new Set(names.map((name) => name.trim()).filter((name) => name !== ''))];
}

function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

/** White space within `b=` counts for nothing (RFC 6376 §3.5). */
function folded(base64: string): string {
  return base64.replace(/.{1,72}/g, '\r\n $&');
}
