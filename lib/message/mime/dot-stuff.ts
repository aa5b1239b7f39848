import { DOT } from './bytes.js';

const LINE_WITH_DOT = Buffer.from('\n.');

/**
 * Doubles the dot of every line that begins with one, for DATA (RFC 5321 §4.5.2). Answers the same
 * buffer when no line does. BDAT takes the bytes as they are.
 */
export function dotStuff(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  let at = bytes[0] === DOT ? 0 : nextDot(bytes, 0);
  while (at >= 0) {
    // The piece ends with the dot, and the next one begins with it again.
    pieces.push(bytes.subarray(from, at + 1));
    from = at;
    at = nextDot(bytes, at);
  }
  if (pieces.length === 0) return bytes;
  pieces.push(bytes.subarray(from));
  return Buffer.concat(pieces);
}

function nextDot(bytes: Buffer, from: number): number {
  const lineEnd = bytes.indexOf(LINE_WITH_DOT, from);
  return lineEnd < 0 ? -1 : lineEnd + 1;
}
