import { writeBase64 } from './base64.js';
import type { ByteWriter } from './byte-writer.js';
import { writePlainText } from './plain-text.js';
import { writeQuotedPrintable } from './quoted-printable.js';
import { readText } from './text-source.js';

/** The `Content-Transfer-Encoding` field and the empty line that ends the header of a text part. */
const PLAIN_7BIT = 'Content-Transfer-Encoding: 7bit\r\n\r\n';
const PLAIN_8BIT = 'Content-Transfer-Encoding: 8bit\r\n\r\n';
const QUOTED_PRINTABLE = 'Content-Transfer-Encoding: quoted-printable\r\n\r\n';
const BASE64 = 'Content-Transfer-Encoding: base64\r\n\r\n';

/**
 * Writes the rest of a text part, after the header lines in `head`, in the encoding that suits the
 * text (RFC 2045 §6): as it is, when that is ASCII (or 8bit is welcome) in short lines; else the
 * shorter of quoted-printable and base64. Answers whether it went out as 8bit.
 */
export function writeTextBody(
  out: ByteWriter,
  head: string,
  text: string,
  eightBit: boolean,
): boolean {
  const source = readText(text);
  const has8bit = source.highBytes > 0;
  if (!has8bit || eightBit) {
    const before = out.length;
    out.text(head + (has8bit ? PLAIN_8BIT : PLAIN_7BIT));
    if (writePlainText(out, source)) return has8bit;
    out.length = before;
  }
  // Two more bytes for each escape, against a third more and the line ends.
  if (source.highBytes * 5 <= source.length) {
    out.text(head + QUOTED_PRINTABLE);
    writeQuotedPrintable(out, source);
  } else {
    out.text(head + BASE64);
    // Text has to have its canonical line ends before it is encoded (RFC 2045 §6.8).
    const canonical = readText(text.replace(/\r\n|\r|\n/g, '\r\n'));
    writeBase64(out, canonical.bytes, canonical.length);
  }
  return false;
}
