import type { ByteWriter } from './byte-writer.js';
import { CR, EQUALS, LF } from './bytes.js';

/** 57 bytes make a line of 76 characters (RFC 2045 §6.8). */
const LINE_BYTES = 57;
const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
/** Two characters for 12 bits, the first in the low byte. */
const PAIRS = Uint16Array.from(
  { length: 4096 },
  (_, bits) => ALPHABET[bits >> 6]! | (ALPHABET[bits & 63]! << 8),
);

/** The room that the encoded form of `length` bytes takes, line ends included. */
export function base64Size(length: number): number {
  return Math.ceil(length / 3) * 4 + Math.ceil(length / LINE_BYTES) * 2;
}

/** Writes the first `length` bytes as base64 in lines of 76 characters, with CRLF between them. */
export function writeBase64(out: ByteWriter, src: Uint8Array, length: number): void {
  out.ensure(base64Size(length));
  const dst = out.buffer;
  const view = out.view;
  let o = out.length;
  for (let line = 0; line < length; line += LINE_BYTES) {
    const end = Math.min(line + LINE_BYTES, length);
    let i = line;
    for (; i + 2 < end; i += 3) {
      const bits = (src[i]! << 16) | (src[i + 1]! << 8) | src[i + 2]!;
      view.setInt32(o, PAIRS[bits >> 12]! | (PAIRS[bits & 4095]! << 16), true);
      o += 4;
    }
    if (i < end) {
      const two = i + 1 < end;
      const bits = (src[i]! << 16) | (two ? src[i + 1]! << 8 : 0);
      dst[o] = ALPHABET[bits >> 18]!;
      dst[o + 1] = ALPHABET[(bits >> 12) & 63]!;
      dst[o + 2] = two ? ALPHABET[(bits >> 6) & 63]! : EQUALS;
      dst[o + 3] = EQUALS;
      o += 4;
    }
    if (end < length) {
      dst[o++] = CR;
      dst[o++] = LF;
    }
  }
  out.length = o;
}
