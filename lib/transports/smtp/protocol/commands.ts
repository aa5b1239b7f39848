import type { MailDsn } from '../../../message/mail.js';
import type { Capabilities } from './capabilities.js';
import { mailDsn, rcptDsn } from './dsn.js';
import type { SmtpErrors } from './smtp-errors.js';

/** A mail as the wire needs it: bytes with CRLF line ends only, ending in CRLF, not dot-stuffed. */
export interface WireMail {
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  readonly content: Buffer;
  /** An address or a header needs SMTPUTF8 (RFC 6531). */
  readonly smtputf8?: boolean;
  /** The content has bytes over 127 (RFC 6152). */
  readonly eightBit?: boolean;
  /** Delivery reports that it asks for (RFC 3461). */
  readonly dsn?: MailDsn;
  /** It is to travel over TLS only (RFC 8689). */
  readonly requireTls?: boolean;
  /** No mail at all: only asks whether the server is there. */
  readonly probe?: boolean;
}

/** What one mail says to one server before its content. */
export interface EnvelopeCommands {
  readonly mail: string;
  readonly rcpt: readonly string[];
  /** Whether the commands are ASCII, so that one byte is written for each character. */
  readonly ascii: boolean;
}

const ASCII_PATH = /^[\x20-\x3b\x3d\x3f-\x7e]*$/;
const UTF8_PATH = /^[^\x00-\x1f\x7f<>]*$/;

/**
 * The MAIL and RCPT commands of a mail for a server that offers `caps`.
 * @throws MailDeliveryError when that server cannot take it, before a byte is sent.
 */
export function envelopeCommands(
  errors: SmtpErrors,
  mail: WireMail,
  caps: Capabilities,
): EnvelopeCommands {
  const { envelope, content } = mail;
  let ascii = true;
  let rcpt: readonly string[];
  if (!ASCII_PATH.test(envelope.from)) ascii = checkPath(errors, envelope.from);
  if (envelope.to.length === 1) {
    const address = envelope.to[0]!;
    if (!ASCII_PATH.test(address)) ascii = checkPath(errors, address);
    rcpt = [`RCPT TO:<${address}>\r\n`];
  } else {
    rcpt = envelope.to.map((address) => {
      if (!ASCII_PATH.test(address)) ascii = checkPath(errors, address);
      return `RCPT TO:<${address}>\r\n`;
    });
  }
  let command = `MAIL FROM:<${envelope.from}>`;
  if (caps.size !== undefined) {
    if (caps.size > 0 && content.length > caps.size) {
      throw errors.tooLarge(content.length, caps.size);
    }
    command += ` SIZE=${content.length}`;
  }
  const utf8 = mail.smtputf8 === true || !ascii;
  if (utf8 && !caps.smtpUtf8) {
    throw errors.unsupported(
      'mail',
      'an address outside ASCII needs SMTPUTF8 (RFC 6531), which the server does not offer',
    );
  }
  // A server with SMTPUTF8 has to offer 8BITMIME too (RFC 6531 §3.1).
  if (mail.eightBit === true || utf8) {
    if (caps.eightBitMime) command += ' BODY=8BITMIME';
    else if (mail.eightBit === true) {
      const why = 'its content needs 8BITMIME (RFC 6152), which the server does not offer';
      throw errors.unsupported('mail', why);
    }
  }
  if (utf8) command += ' SMTPUTF8';
  if (mail.requireTls === true) {
    // RFC 8689 §4.2.1: anything else would be to give the mail to someone who makes no such promise.
    if (!caps.requireTls) throw errors.noRequireTls();
    command += ' REQUIRETLS';
  }
  const { dsn } = mail;
  if (dsn) {
    if (!caps.dsn) {
      const why = 'it asks for delivery reports (DSN, RFC 3461), which the server does not offer';
      throw errors.unsupported('mail', why);
    }
    command += mailDsn(dsn);
    rcpt = envelope.to.map((address) => `RCPT TO:<${address}>${rcptDsn(dsn, address)}\r\n`);
  }
  return { mail: `${command}\r\n`, rcpt, ascii };
}

/** The last gate before the wire: whatever came this way, no path can end a command. */
function checkPath(errors: SmtpErrors, address: string): false {
  if (!UTF8_PATH.test(address)) {
    throw errors.unsupported('mail', 'an envelope address holds a character that ends a command');
  }
  return false;
}
