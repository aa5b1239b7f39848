import { CR, EQUALS, LF } from './bytes.js';
import type { ByteWriter } from './byte-writer.js';

/** 57 bytes make a line of 76 characters (RFC 2045 §6.8). */
const LINE_BYTES = 57;
const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

/** The room that the encoded form of `length` bytes takes, line ends included. */
export function base64Size(length: number): number {
  return Math.ceil(length / 3) * 4 + Math.ceil(length / LINE_BYTES) * 2;
}

/** Writes `src` as base64 in lines of 76 characters, with CRLF between them. */
export function writeBase64(out: ByteWriter, src: Uint8Array): void {
  out.ensure(base64Size(src.length));
  const dst = out.buffer;
  let o = out.length;
  for (let line = 0; line < src.length; line += LINE_BYTES) {
    const end = Math.min(line + LINE_BYTES, src.length);
    let i = line;
    for (; i + 2 < end; i += 3) {
      const bits = (src[i]! << 16) | (src[i + 1]! << 8) | src[i + 2]!;
      dst[o] = ALPHABET[bits >> 18]!;
      dst[o + 1] = ALPHABET[(bits >> 12) & 63]!;
      dst[o + 2] = ALPHABET[(bits >> 6) & 63]!;
      dst[o + 3] = ALPHABET[bits & 63]!;
      o += 4;
    }
    if (i < end) {
      const bits = (src[i]! << 16) | (i + 1 < end ? src[i + 1]! << 8 : 0);
      dst[o] = ALPHABET[bits >> 18]!;
      dst[o + 1] = ALPHABET[(bits >> 12) & 63]!;
      dst[o + 2] = i + 1 < end ? ALPHABET[(bits >> 6) & 63]! : EQUALS;
      dst[o + 3] = EQUALS;
      o += 4;
    }
    if (end < src.length) {
      dst[o++] = CR;
      dst[o++] = LF;
    }
  }
  out.length = o;
}
