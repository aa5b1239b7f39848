import { writeBase64 } from './base64.js';
import {
  CR,
  DASH,
  EQUALS,
  EQUALS_SIGN,
  isFromLine,
  KIND,
  LF,
  LINE_END,
  LITERAL,
  UNDERSCORE,
} from './bytes.js';
import { ByteWriter } from './byte-writer.js';
import { quotedPrintableBound, writeQuotedPrintable } from './quoted-printable.js';

export type TextEncoding = '7bit' | '8bit' | 'quoted-printable' | 'base64';

/** A text part, read and judged. Its bytes are only valid until the next `readText`. */
export interface TextBody {
  readonly encoding: TextEncoding;
  /** UTF-8, up to `length`. */
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly lines: number;
  readonly escapes: number;
}

/** RFC 5322 §2.1.1: a line SHOULD have no more characters; a longer one is encoded. */
const LONGEST_LINE = 78;
/** One buffer for every text of ordinary size. */
const scratch = Buffer.allocUnsafeSlow(96 * 1024);

/**
 * Chooses the transfer encoding of a text (RFC 2045 §6): as it is, when that is ASCII (or 8bit is
 * welcome) in short lines that nobody on the way rewrites; else the shorter of quoted-printable and
 * base64.
 */
export function readText(text: string, eightBit: boolean): TextBody {
  let bytes: Uint8Array = scratch;
  let length: number;
  if (text.length * 3 < scratch.length) {
    length = scratch.write(text);
    scratch[length] = 0; // no look-ahead may see what the text before this one left
  } else {
    bytes = Buffer.from(text);
    length = bytes.length;
  }

  let lines = 1;
  let high = 0;
  let controls = 0;
  let equals = 0;
  let longest = 0;
  let start = 0;
  let fragile = isFragile(bytes, 0);
  for (let i = 0; i < length; i++) {
    const byte = bytes[i]!;
    const kind = KIND[byte]!;
    if (kind === LITERAL) continue;
    if (kind === LINE_END) {
      if (i - start > longest) longest = i - start;
      if (byte === CR && bytes[i + 1] === LF) i++;
      start = i + 1;
      lines++;
      fragile ||= isFragile(bytes, start);
    } else if (kind === EQUALS_SIGN) {
      equals++;
    } else if (byte < 0x80) {
      controls++;
    } else {
      high++;
    }
  }
  if (length - start > longest) longest = length - start;

  const escapes = high + controls + equals;
  let encoding: TextEncoding;
  if (longest <= LONGEST_LINE && !fragile && controls === 0 && (high === 0 || eightBit)) {
    encoding = high === 0 ? '7bit' : '8bit';
  } else {
    // Two more bytes for each escape, against a third more and the line ends.
    encoding = escapes * 5 > length ? 'base64' : 'quoted-printable';
  }
  return { encoding, bytes, length, lines, escapes };
}

/** Writes the text in its encoding. CR, LF and CRLF all become CRLF. */
export function writeText(out: ByteWriter, body: TextBody): void {
  switch (body.encoding) {
    case '7bit':
    case '8bit':
      out.ensure(body.length + body.lines);
      writePlain(out, body.bytes, body.length);
      break;
    case 'quoted-printable':
      out.ensure(quotedPrintableBound(body.length, body.lines, body.escapes));
      writeQuotedPrintable(out, body.bytes, body.length);
      break;
    case 'base64': {
      // Text has to have its canonical line ends before it is encoded (RFC 2045 §6.8).
      const canonical = new ByteWriter(body.length + body.lines);
      writePlain(canonical, body.bytes, body.length);
      writeBase64(out, canonical.buffer.subarray(0, canonical.length));
    }
  }
}

function writePlain(out: ByteWriter, src: Uint8Array, length: number): void {
  const dst = out.buffer;
  let o = out.length;
  for (let i = 0; i < length; i++) {
    const byte = src[i]!;
    if (byte === LF || byte === CR) {
      if (byte === CR && src[i + 1] === LF) i++;
      dst[o++] = CR;
      dst[o++] = LF;
    } else {
      dst[o++] = byte;
    }
  }
  out.length = o;
}

/**
 * A line that must not go out bare: one that looks like the first of a mailbox file, or like one of
 * our boundaries, which begin with `=_` because no encoding can produce that (RFC 2045 §6.7).
 */
function isFragile(bytes: Uint8Array, at: number): boolean {
  return (
    isFromLine(bytes, at) ||
    (bytes[at] === DASH &&
      bytes[at + 1] === DASH &&
      bytes[at + 2] === EQUALS &&
      bytes[at + 3] === UNDERSCORE)
  );
}
