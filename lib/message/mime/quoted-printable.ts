import {
  CR,
  DOT,
  ESCAPED,
  EQUALS,
  isFromLine,
  KIND,
  LF,
  LITERAL,
  SPACE,
  TAB,
  LINE_END,
} from './bytes.js';
import type { ByteWriter } from './byte-writer.js';

/** RFC 2045 §6.7 rule 5: at most 76 characters, the `=` of a soft line break among them. */
const LINE_CHARS = 76;
const HEX = Buffer.from('0123456789ABCDEF');

/** An upper bound of the encoded size; `escapes` counts the bytes that are not literal. */
export function quotedPrintableBound(length: number, lines: number, escapes: number): number {
  // Each line may escape its first and last character and gain a CR; a soft break costs 3 bytes
  // and comes after 64 characters at the earliest.
  return Math.ceil((length + escapes * 2 + lines * 5) * 1.05) + 16;
}

/**
 * Writes UTF-8 text as quoted-printable (RFC 2045 §6.7). CR, LF and CRLF all become CRLF. No line
 * of the result begins with a dot or `From `, and no UTF-8 sequence is split over two lines.
 * The writer must have room (`quotedPrintableBound`).
 */
export function writeQuotedPrintable(out: ByteWriter, src: Uint8Array, length: number): void {
  const dst = out.buffer;
  let o = out.length;
  let column = 0;
  let i = 0;
  while (i < length) {
    const byte = src[i]!;
    const kind = KIND[byte]!;
    if (kind === LITERAL) {
      if (column === LINE_CHARS - 1) {
        o = softBreak(dst, o);
        column = 0;
      }
      if (column !== 0 || (byte !== DOT && !isFromLine(src, i))) {
        dst[o++] = byte;
        column++;
      } else {
        o = escape(dst, o, byte);
        column = 3;
      }
      i++;
    } else if (kind === LINE_END) {
      if (column !== 0) o = protectTrailing(dst, o, column);
      dst[o++] = CR;
      dst[o++] = LF;
      column = 0;
      i += byte === CR && src[i + 1] === LF ? 2 : 1;
    } else {
      const end = i + (kind === ESCAPED ? sequenceLength(byte) : 1);
      if (column + (end - i) * 3 >= LINE_CHARS) {
        o = softBreak(dst, o);
        column = 0;
      }
      column += (end - i) * 3;
      while (i < end) o = escape(dst, o, src[i++]!);
    }
  }
  if (column !== 0) o = protectTrailing(dst, o, column);
  out.length = o;
}

function escape(dst: Uint8Array, o: number, byte: number): number {
  dst[o] = EQUALS;
  dst[o + 1] = HEX[byte >> 4]!;
  dst[o + 2] = HEX[byte & 15]!;
  return o + 3;
}

function softBreak(dst: Uint8Array, o: number): number {
  dst[o] = EQUALS;
  dst[o + 1] = CR;
  dst[o + 2] = LF;
  return o + 3;
}

/** White space at the end of a line gets lost on the way (RFC 2045 §6.7 rule 3): escapes it. */
function protectTrailing(dst: Uint8Array, o: number, column: number): number {
  const last = dst[o - 1]!;
  if (last !== SPACE && last !== TAB) return o;
  const at = column + 2 > LINE_CHARS ? softBreak(dst, o - 1) : o - 1;
  return escape(dst, at, last);
}

function sequenceLength(lead: number): number {
  if (lead < 0xc0) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
