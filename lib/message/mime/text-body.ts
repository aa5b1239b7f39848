import { writeBase64 } from './base64.js';
import type { ByteWriter } from './byte-writer.js';
import { writePlainText } from './plain-text.js';
import { writeQuotedPrintable } from './quoted-printable.js';
import { readText } from './text-source.js';

/** The `Content-Transfer-Encoding` field and the empty line that ends the header of a text part. */
const SEVEN_BIT = 'Content-Transfer-Encoding: 7bit\r\n\r\n';
const EIGHT_BIT = 'Content-Transfer-Encoding: 8bit\r\n\r\n';
const QUOTED_PRINTABLE = 'Content-Transfer-Encoding: quoted-printable\r\n\r\n';
const BASE64 = 'Content-Transfer-Encoding: base64\r\n\r\n';

/**
 * Writes the rest of a text part, after the header lines in `head`, in the encoding that suits the
 * text (RFC 2045 §6): as it is, when that is ASCII (or 8bit is welcome) in short lines; else the
 * shorter of quoted-printable and base64. Returns whether it went out as 8bit.
 */
export function writeTextBody(
  out: ByteWriter,
  head: string,
  text: string,
  eightBit: boolean,
): boolean {
  const length = Buffer.byteLength(text);
  // A UTF-16 unit that takes two bytes adds one to the length, and one that takes three adds two: so
  // this is at most all bytes that are not ASCII, and at least three quarters of them.
  const highBytes = (length - text.length) * 1.5;
  if (highBytes === 0 || eightBit) {
    const before = out.length;
    out.text(head + (highBytes > 0 ? EIGHT_BIT : SEVEN_BIT));
    if (writePlainText(out, readText(text, length))) return highBytes > 0;
    out.length = before;
  }
  // Two more bytes for each escape, against a third more and the line ends.
  if (highBytes * 5 <= length) {
    out.text(head + QUOTED_PRINTABLE);
    writeQuotedPrintable(out, readText(text, length));
  } else {
    out.text(head + BASE64);
    // Text has to have its canonical line ends before it is encoded (RFC 2045 §6.8).
    const canonical = canonicalLineEnds(text);
    const { bytes, length: size } = readText(canonical, length + canonical.length - text.length);
    writeBase64(out, bytes, size);
  }
  return false;
}

/** CRLF for every CR, LF and CRLF. */
export function canonicalLineEnds(text: string): string {
  return text.includes('\r') ? text.replace(/\r\n|\r|\n/g, '\r\n') : text.replaceAll('\n', '\r\n');
}
