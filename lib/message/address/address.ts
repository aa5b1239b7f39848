import { endOfQuoted, parseAddrSpec, unquote } from './addr-spec.js';
import type { MailAddress } from '../mail.js';
import { fieldTextFault, show, type TextFault } from '../text.js';

/** What a list held: the good addresses in order, and a fault for each bad one. */
export interface ParsedAddressList {
  readonly addresses: readonly MailAddress[];
  readonly faults: readonly TextFault[];
}

/** Longer display names are refused; no reader shows them. */
export const MAX_NAME_LENGTH = 512;

const NOT_ONE: Readonly<Record<string, TextFault>> = {
  ':': {
    problem: 'is a group (`name: …;`), which this package does not send',
    fix: 'List the addresses themselves, separated by commas',
  },
  ';': { problem: 'holds a semicolon', fix: 'Separate addresses by commas' },
  '(': {
    problem: 'holds a comment in parentheses',
    fix: 'Leave it out, or put the display name in double quotes',
  },
  ')': {
    problem: 'holds a comment in parentheses',
    fix: 'Leave it out, or put the display name in double quotes',
  },
};

const BRACKETS: TextFault = {
  problem: 'has angle brackets that do not match',
  fix: 'Write it as `Name <name@example.com>`',
};

export function makeAddress(name: string | undefined, address: string): MailAddress {
  return Object.freeze(name === undefined || name === '' ? { address } : { name, address });
}

/** A display name: quoted strings unquoted, the rest as it stands, white space collapsed. */
function parseName(phrase: string): string | TextFault {
  let name = '';
  let at = false;
  for (let i = 0; i < phrase.length;) {
    if (phrase[i] === '"') {
      const end = endOfQuoted(phrase, i);
      if (end < 0) return { problem: 'has an unclosed quote', fix: 'Close it' };
      name += unquote(phrase.slice(i, end));
      i = end;
      continue;
    }
    const quote = phrase.indexOf('"', i);
    const end = quote < 0 ? phrase.length : quote;
    const words = phrase.slice(i, end);
    at ||= words.includes('@');
    name += words.replace(/ {2,}/g, ' ');
    i = end;
  }
  if (at) {
    return {
      problem: `has an @ in its display name ${show(name.trim())}`,
      fix: 'Put the name in double quotes, or give `{ name, address }`',
    };
  }
  if (name.length > MAX_NAME_LENGTH) {
    return {
      problem: 'has too long a display name',
      fix: `Use at most ${MAX_NAME_LENGTH} characters`,
    };
  }
  return name.trim();
}

/** One pass over one mailbox, up to its comma; every character is looked at once. */
class MailboxScanner {
  pos = 0;

  constructor(private readonly input: string) {}

  /** `undefined` for an empty place between commas (RFC 5322 §4.4), which says nothing. */
  next(): MailAddress | TextFault | undefined {
    const { input } = this;
    const start = this.pos;
    let open = -1;
    let close = -1;
    let fault: TextFault | undefined;
    let i = start;
    scan: for (; i < input.length; i += 1) {
      switch (input[i]) {
        case ',':
          break scan;
        case '"': {
          const end = endOfQuoted(input, i);
          if (end < 0) fault ??= { problem: 'has an unclosed quote', fix: 'Close it' };
          i = end < 0 ? input.length : end - 1;
          break;
        }
        case '[': {
          // An address literal holds colons. It is short; looking further would cost square time.
          const length = input[i - 1] === '@' ? input.slice(i, i + 64).indexOf(']') : 0;
          if (length > 0) i += length;
          break;
        }
        case '<':
          if (open >= 0) fault ??= BRACKETS;
          open = i;
          break;
        case '>':
          if (open < 0 || close >= 0) fault ??= BRACKETS;
          close = i;
          break;
        case ':':
        case ';':
        case '(':
        case ')':
          fault ??= NOT_ONE[input[i]!];
          break;
        default:
      }
    }
    this.pos = i + 1;
    const text = input.slice(start, i).trim();
    if (text === '') return undefined;
    if (fault) return { problem: `${show(text)} ${fault.problem}`, fix: fault.fix };
    if (open < 0) {
      const address = parseAddrSpec(text);
      return typeof address === 'string' ? makeAddress(undefined, address) : address;
    }
    if (close < open || input.slice(close + 1, i).trim() !== '') {
      const problem = close < open ? BRACKETS.problem : 'has text after the address';
      return { problem: `${show(text)} ${problem}`, fix: BRACKETS.fix };
    }
    const address = parseAddrSpec(input.slice(open + 1, close).trim());
    if (typeof address !== 'string') return address;
    const name = parseName(input.slice(start, open).trim());
    if (typeof name !== 'string')
      return { problem: `${show(text)} ${name.problem}`, fix: name.fix };
    return makeAddress(name, address);
  }
}

/**
 * Reads a comma-separated list of `name@example.com` and `Name <name@example.com>` (RFC 5322 §3.4)
 * strictly: groups, comments, source routes and everything that two parsers might read differently
 * is a fault. Time is linear in the length of the input.
 */
export function parseAddressList(input: string): ParsedAddressList {
  const textFault = fieldTextFault(input);
  if (textFault) return { addresses: [], faults: [textFault] };
  const addresses: MailAddress[] = [];
  const faults: TextFault[] = [];
  const scanner = new MailboxScanner(input);
  while (scanner.pos < input.length) {
    const found = scanner.next();
    if (found === undefined) continue;
    if ('problem' in found) faults.push(found);
    else addresses.push(found);
  }
  return { addresses, faults };
}
