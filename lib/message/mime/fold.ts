import { headerFault } from './header-fault.js';

/** RFC 2047 §2 and RFC 5322 §2.1.1: what a header line should not be longer than, in characters. */
const SOFT_LIMIT = 76;
/** RFC 5322 §2.1.1: what no line may be longer than, in bytes, without its CRLF. */
const HARD_LIMIT = 998;

/**
 * Folds a header field at white space (RFC 5322 §2.2.3), so that unfolding gives the same value.
 * `path` names the mail's field in an error.
 *
 * @throws MailValidationError when a word is too long for any line.
 */
export function fold(line: string, path: string): string {
  if (line.length <= SOFT_LIMIT) return line;
  let folded = '';
  let start = 0;
  while (line.length - start > SOFT_LIMIT) {
    const at = foldAt(line, start);
    if (at < 0) break;
    folded += checked(line.slice(start, at), path) + '\r\n';
    start = at;
  }
  return folded + checked(line.slice(start), path);
}

/** The last place that keeps the line short, else the first one after; -1 when there is none. */
function foldAt(line: string, start: number): number {
  for (let at = start + SOFT_LIMIT; at > start; at--) {
    if (startsSpace(line, at)) return at;
  }
  for (let at = start + SOFT_LIMIT + 1; at < line.length; at++) {
    if (startsSpace(line, at)) return at;
  }
  return -1;
}

/** White space after something else: the line before it is never white space alone. */
function startsSpace(line: string, at: number): boolean {
  return isSpace(line.charCodeAt(at)) && !isSpace(line.charCodeAt(at - 1));
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function checked(segment: string, path: string): string {
  // A UTF-16 unit takes up to three bytes.
  if (segment.length * 3 > HARD_LIMIT && Buffer.byteLength(segment) > HARD_LIMIT) {
    throw headerFault(
      path,
      `makes a header line of more than ${HARD_LIMIT} bytes`,
      'Shorten it, or put spaces where it may be folded',
    );
  }
  return segment;
}
