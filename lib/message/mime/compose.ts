import type { Mail } from '../mail.js';
import { base64Size } from './base64.js';
import { ByteWriter } from './byte-writer.js';
import { headerFault } from './header-fault.js';
import { partsOf } from './part.js';
import { PartWriter } from './part-writer.js';
import { rootHeaders } from './root-headers.js';

export interface ComposeOptions {
  /**
   * The next hop takes 8-bit bodies (8BITMIME, RFC 6152): a text with short lines goes out as it
   * is. Default `false`: the body is ASCII, whatever the text.
   */
  readonly eightBit?: boolean;
}

/** A message as bytes (RFC 5322), and what its envelope commands have to say. */
export interface ComposedMail {
  /** Ends with CRLF, has no other line end, no line over 998 bytes, and dots are not doubled. */
  readonly bytes: Buffer;
  /** Some byte is not ASCII: MAIL needs `BODY=8BITMIME` (RFC 6152). */
  readonly has8bit: boolean;
  /** An address has a UTF-8 local part: MAIL needs `SMTPUTF8` (RFC 6531). */
  readonly smtputf8: boolean;
}

const writer = new ByteWriter();

/**
 * The mail as the bytes of a message. The same mail gives the same bytes, so that every attempt
 * sends the same, and by the same rules whatever it carries.
 *
 * @throws MailValidationError when a header would break out of its line or be too long for one.
 */
export function composeMime(mail: Mail, options?: ComposeOptions): ComposedMail {
  // `=_` cannot stand in quoted-printable or base64, so no body holds the boundary (RFC 2045 §6.7).
  if (!/^[\w.-]{1,60}$/.test(mail.id)) throw headerFault('id', 'is not an id');
  const boundary = `=_${mail.id}`;
  const method = mail.icalEvent?.method ?? '';
  if (!/^[A-Za-z-]{0,40}$/.test(method)) throw headerFault('icalEvent.method', 'is not a token');

  try {
    writer.ensure(sizeHint(mail));
    const ascii = writer.text(rootHeaders(mail) + 'MIME-Version: 1.0\r\n');
    const parts = new PartWriter(writer, boundary, options?.eightBit ?? false);
    parts.write(partsOf(mail));
    writer.endLine();
    const bytes = writer.take();
    return {
      bytes,
      has8bit: !ascii || parts.has8bit,
      smtputf8: !ascii || !isAscii(mail.envelope.from) || !mail.envelope.to.every(isAscii),
    };
  } finally {
    writer.reset();
  }
}

/** Spares a large message from being copied while its buffer grows. */
function sizeHint(mail: Mail): number {
  if (mail.attachments.length === 0) return 0;
  return mail.attachments.reduce(
    (sum, { content }) => sum + base64Size(content.length) + 1024,
    4096,
  );
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
