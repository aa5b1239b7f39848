import { normalizeDomain } from './domain.js';
import { show, type TextFault } from '../text.js';

// RFC 5322 §3.2.3 atext.
const DOT_ATOM = /^[\w!#$%&'*+\-/=?^`{|}~]+(?:\.[\w!#$%&'*+\-/=?^`{|}~]+)*$/;
// The same with UTF8-non-ascii (RFC 6531 §3.3), without what a reader cannot see.
const UTF8_ATOM = /^[\w!#$%&'*+\-/=?^`{|}~.\u{80}-\u{10ffff}]+$/u;
const UNSEEN = /[\p{Z}\p{Cc}\p{Cf}\p{Cs}]/u;
const ASCII = /^[\u0000-\u007f]*$/;
// RFC 5321 §4.1.2 allows more, but servers disagree on where a path with these ends.
const CONFUSING_QUOTED = /[<>@"\\]/;
const MAX_PATH = 254; // RFC 5321 §4.5.3.1.3: 256 with the angle brackets.
const MAX_LOCAL = 64; // RFC 5321 §4.5.3.1.1.

/** Whatever is longer than this is too long in every spelling, and not worth a closer look. */
const MAX_INPUT = 600;

const BARE = 'Write it as `name@example.com`';

function octets(text: string): number {
  return ASCII.test(text) ? text.length : Buffer.byteLength(text);
}

function tooLong(text: string): TextFault {
  return {
    problem: `${show(text)} is too long`,
    fix: `At most ${MAX_LOCAL} octets before the @ and ${MAX_PATH} in all (RFC 5321 §4.5.3.1)`,
  };
}

function isAtom(local: string): boolean {
  if (DOT_ATOM.test(local)) return true;
  if (ASCII.test(local) || !UTF8_ATOM.test(local) || UNSEEN.test(local)) return false;
  // A full-width `＠` or `．` must not become a special in software that folds compatibility forms.
  const folded = local.normalize('NFKC');
  return UTF8_ATOM.test(folded) && !/^\.|\.\.|\.$/.test(folded);
}

/** Ends of the quoted string that starts at `start`, past its closing quote; -1 when it has none. */
export function endOfQuoted(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0x5c) i += 1;
    else if (code === 0x22) return i + 1;
  }
  return -1;
}

export function unquote(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(.)/gsu, '$1');
}

function quotedLocal(text: string): { local: string; end: number } | TextFault {
  const end = endOfQuoted(text, 0);
  if (end < 0) return { problem: `${show(text)} has an unclosed quote`, fix: BARE };
  const content = unquote(text.slice(0, end));
  if (isAtom(content)) return { local: content, end };
  if (content === '' || CONFUSING_QUOTED.test(content) || !ASCII.test(content)) {
    return {
      problem: `${show(text)} has a quoted local part that mail servers read in different ways`,
      fix: 'Use an address without < > @ " \\ or non-ASCII characters between the quotes',
    };
  }
  return { local: `"${content}"`, end };
}

/**
 * One bare address in its canonical form: local part as given (quotes dropped where they say
 * nothing), domain by normalizeDomain. The caller has already refused control characters.
 */
export function parseAddrSpec(text: string): string | TextFault {
  if (text.length > MAX_INPUT) return tooLong(text);
  let local: string;
  let at: number;
  if (text.startsWith('"')) {
    const quoted = quotedLocal(text);
    if ('problem' in quoted) return quoted;
    local = quoted.local;
    at = quoted.end;
    if (text[at] !== '@') return { problem: `${show(text)} has no @ after the quote`, fix: BARE };
  } else {
    at = text.indexOf('@');
    if (at < 0) return { problem: `${show(text)} is not an address: it has no @`, fix: BARE };
    if (text.includes('@', at + 1)) {
      return {
        problem: `${show(text)} has more than one @`,
        fix: 'Write exactly one address here',
      };
    }
    local = text.slice(0, at);
    if (!isAtom(local)) {
      return {
        problem: `${show(text)} has a local part that is not allowed (RFC 5321 §4.1.2)`,
        fix: "Before the @ use letters, digits, single inner dots and !#$%&'*+-/=?^_`{|}~",
      };
    }
  }
  const domain = normalizeDomain(text.slice(at + 1));
  if (typeof domain !== 'string') {
    return { problem: `${show(text)} ${domain.problem}`, fix: domain.fix };
  }
  const address = `${local}@${domain}`;
  if (octets(local) > MAX_LOCAL || octets(address) > MAX_PATH) return tooLong(text);
  return address;
}
