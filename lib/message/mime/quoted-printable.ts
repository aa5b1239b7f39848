import type { ByteWriter } from './byte-writer.js';
import {
  CR,
  DOT,
  EQUALS,
  isFragileLine,
  isPrintableWord,
  LF,
  mayHoldEquals,
  SPACE,
  TAB,
} from './bytes.js';
import type { TextSource } from './text-source.js';

/** RFC 2045 §6.7 rule 5: at most 76 characters, the `=` of a soft line break among them. */
const LINE_CHARS = 76;
const HEX = Buffer.from('0123456789ABCDEF');

/**
 * Writes a text as quoted-printable (RFC 2045 §6.7). CR, LF and CRLF all become CRLF. No line of the
 * result begins with a dot or `From `, and no UTF-8 sequence is split over two lines.
 */
export function writeQuotedPrintable(out: ByteWriter, source: TextSource): void {
  const { bytes: src, view, length } = source;
  // Three bytes for each, and a soft break of three after 64 characters at the earliest.
  out.ensure(length * 3 + Math.ceil(length / 7) + 16);
  const dst = out.buffer;
  const dstView = out.view;
  let o = out.length;
  let column = 0;
  let i = 0;
  while (i < length) {
    if (column > 0 && column < LINE_CHARS - 4) {
      const word = view.getInt32(i, true);
      if (isPrintableWord(word) && !mayHoldEquals(word)) {
        dstView.setInt32(o, word, true);
        i += 4;
        o += 4;
        column += 4;
        continue;
      }
    }
    const byte = src[i]!;
    if (byte === LF || byte === CR) {
      if (column > 0) o = protectTrailing(dst, o, column);
      dst[o++] = CR;
      dst[o++] = LF;
      column = 0;
      i += byte === CR && src[i + 1] === LF ? 2 : 1;
      continue;
    }
    const size = isLiteral(byte) ? 0 : sequenceLength(byte);
    if (column + (size === 0 ? 1 : size * 3) >= LINE_CHARS) {
      o = softBreak(dst, o);
      column = 0;
    }
    if (size > 0) {
      for (const end = i + size; i < end; i++) o = escape(dst, o, src[i]!);
      column += size * 3;
    } else if (column === 0 && (byte === DOT || isFragileLine(src, i))) {
      o = escape(dst, o, byte);
      column = 3;
      i++;
    } else {
      dst[o++] = byte;
      column++;
      i++;
    }
  }
  if (column > 0) o = protectTrailing(dst, o, column);
  out.length = o;
}

/** RFC 2045 §6.7 rule 2 and, for white space within a line, rule 3. */
function isLiteral(byte: number): boolean {
  return (byte >= SPACE && byte < 0x7f && byte !== EQUALS) || byte === TAB;
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

/** How many bytes belong to the character that starts with `lead`. */
function sequenceLength(lead: number): number {
  if (lead < 0xc0) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
