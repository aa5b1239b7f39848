import { MailValidationError } from '../../base/errors.js';
import { parseAddressList } from '../address/address.js';
import { isPlain } from './encoded-words.js';
import { listValue, mailbox, phrase, unstructured, verbatim } from './header-value.js';
import type { TextFault } from '../text.js';

/**
 * Fields of addresses that a caller may set (RFC 5322 §3.6.6, RFC 8098 §2.1, RFC 4021, and what mail
 * programs use): only the names in them may be encoded (RFC 2047 §5).
 */
const ADDRESS_FIELD =
  /^(?:resent-(?:from|sender|to|cc|bcc|reply-to)|disposition-notification-to|return-receipt-to|generate-delivery-report|x-confirm-reading-to|errors-to|x-errors-to|mail-(?:followup|reply)-to|apparently-to|delivered-to|envelope-to|x-envelope-(?:from|to)|x-original-(?:from|to)|x-forwarded-to|approved-by|originator)$/;
const QUOTED_OR_COMMA = /"(?:[^"\\]|\\.)*"?|[^",]+|,/gs;
const ASCII_LINE = /^[\t\x20-\x7e]*$/;

/**
 * The value of a header of the caller's own, as it is written: a `List-*` field, addresses and keywords
 * keep their syntax, everything else is free text. `path` names it in errors.
 *
 * @throws MailValidationError when it would break out of its field, or no encoding is good for it.
 */
export function headerValue(name: string, value: string, path: string): string {
  const lower = name.toLowerCase();
  if (lower.startsWith('list-')) return listValue(value, path);
  if (ADDRESS_FIELD.test(lower)) return addressValue(value, path);
  if (lower === 'keywords') return keywords(value, path);
  return unstructured(value, path);
}

/** What keeps a value from being what its field is for, however it is written. */
export function structureFault(name: string, value: string): TextFault | undefined {
  const lower = name.toLowerCase();
  if (lower.startsWith('list-')) return listFault(value);
  if (!ADDRESS_FIELD.test(lower) || ASCII_LINE.test(value)) return undefined;
  const fault = parseAddressList(value).faults[0];
  return (
    fault && {
      problem: `${fault.problem}, and it is not ASCII, so that the address cannot be told from the name`,
      fix: 'Write `Name <name@example.com>`, several separated by commas',
    }
  );
}

function listFault(value: string): TextFault | undefined {
  try {
    listValue(value, '');
    return undefined;
  } catch (error) {
    if (error instanceof MailValidationError) return error.issues[0];
    throw error;
  }
}

/**
 * What is no list of mailboxes, such as a group, goes as it is while it is ASCII; else, of mail that a
 * release before stored, as free text.
 */
function addressValue(value: string, path: string): string {
  const { addresses, faults } = parseAddressList(value);
  if (faults.length === 0) return addresses.map((one) => mailbox(one, path)).join(', ');
  return ASCII_LINE.test(value) ? value.trim() : unstructured(value, path);
}

/** Phrases with commas between them (RFC 5322 §3.6.5). */
function keywords(value: string, path: string): string {
  if (isPlain(value)) return value.trim();
  let current = '';
  let all: string[] = [];
  for (const [part] of verbatim(value, path).matchAll(QUOTED_OR_COMMA)) {
    if (part !== ',') {
      current += part;
    } else {
      all.push(current);
      current = '';
    }
  }
  all = [...all, current].map((item) => item.trim()).filter((item) => item !== '');
  return all.map((item) => (isPlain(item) ? item : phrase(unquoted(item), path))).join(', ');
}

function unquoted(text: string): string {
  const inner = /^"(.*)"$/s.exec(text)?.[1];
  return inner === undefined ? text : inner.replace(/\\(.)/gs, '$1');
}
