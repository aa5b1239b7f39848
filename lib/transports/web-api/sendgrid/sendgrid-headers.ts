const RESERVED = new Set([
  'x-sg-id',
  'x-sg-eid',
  'received',
  'dkim-signature',
  'content-type',
  'content-transfer-encoding',
  'to',
  'from',
  'subject',
  'reply-to',
  'cc',
  'bcc',
]);

/** Why SendGrid would not take a header, if so. */
export function headerLimit(name: string, value: string): string | undefined {
  if (RESERVED.has(name.toLowerCase())) return 'it sets this header itself';
  // The door has checked this; what came by another way must not forge headers either.
  if (!/^[!-9;-~]+$/.test(name) || !/^[\t -~]*$/.test(value)) {
    return 'no control characters in a header';
  }
  return undefined;
}
