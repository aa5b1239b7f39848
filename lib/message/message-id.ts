import { show, type TextFault } from './text.js';

// RFC 5322 §3.6.4, wide enough for the ids that real software writes, narrow enough for a header:
// printable ASCII without space and angle brackets.
const MSG_ID = /^[!-;=?-~]+$/;
// What we write ourselves: dot-atoms, or an address literal at the right (RFC 5322 §3.6.4).
const OWN_ID = /^[\w!#$%&'*+\-/=?^`{|}~.]+@(?:[\w!#$%&'*+\-/=?^`{|}~.]+|\[[!-Z^-~]+\])$/;
/** A line of a header may hold 998 octets (RFC 5322 §2.1.1); an id cannot be folded. */
const MAX_LENGTH = 900;

function fault(value: string, what: string): TextFault {
  return {
    problem: `${show(value)} is not a Message-ID${what}`,
    fix: 'Write it as `<unique@example.com>`, in printable ASCII without spaces',
  };
}

/** A Message-ID with its angle brackets, which may be left out in `value`. */
export function parseMessageId(value: string, options?: { strict?: boolean }): string | TextFault {
  const trimmed = value.trim();
  const bracketed = trimmed.startsWith('<') && trimmed.endsWith('>');
  const inner = bracketed ? trimmed.slice(1, -1) : trimmed;
  if (!MSG_ID.test(inner)) return fault(value, '');
  if (inner.length > MAX_LENGTH)
    return fault(value, `: it is longer than ${MAX_LENGTH} characters`);
  // Only our own must be well-formed; what we answer to is quoted as the other side wrote it.
  if (options?.strict && !OWN_ID.test(inner)) return fault(value, ' of the form left@right');
  return `<${inner}>`;
}

/** Splits a References value: ids apart by white space or commas, or written without a gap. */
export function splitMessageIds(value: string): string[] {
  return value
    .replaceAll('><', '> <')
    .split(/[\s,]+/)
    .filter((id) => id !== '');
}

/** The Message-ID of a mail that brought none: its id at the sender's domain. */
export function makeMessageId(id: string, from: string): string {
  return `<${id}@${from.slice(from.lastIndexOf('@') + 1)}>`;
}
