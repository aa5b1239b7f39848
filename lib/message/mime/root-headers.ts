import type { Mail, MailAddress } from '../mail.js';
import { dateValue } from './date-header.js';
import { fold } from './fold.js';
import { headerFault } from './header-fault.js';
import { mailbox, unstructured, verbatim } from './header-value.js';
import { headerValue } from './structured-value.js';

/** RFC 5322 §3.6.8 ftext: printable ASCII without the colon. */
const FIELD_NAME = /^[\x21-\x39\x3b-\x7e]{1,76}$/;
/** The fields that come from the mail's own properties; a second one would contradict the first. */
const OWN_FIELDS =
  /^(?:from|sender|to|cc|bcc|reply-to|in-reply-to|references|subject|message-id|date|mime-version|content-.*)$/i;

/**
 * The header fields of the message itself, each line ended by CRLF, in nodemailer's order; the
 * fields of the body follow. Bcc is never among them. Not ASCII only where an address is not.
 *
 * @throws MailValidationError when something could break out of its field.
 */
export function rootHeaders(mail: Mail): string {
  let out = '';
  for (let i = 0; i < mail.headers.length; i++) {
    const { name, value } = mail.headers[i]!;
    out += customHeader(name, value, `headers[${i}]`);
  }
  out += field('From', mailbox(mail.from, 'from'), 'from');
  if (mail.sender) out += field('Sender', mailbox(mail.sender, 'sender'), 'sender');
  out += addressField('To', mail.to, 'to');
  out += addressField('Cc', mail.cc, 'cc');
  out += addressField('Reply-To', mail.replyTo, 'replyTo');
  if (mail.inReplyTo !== undefined) {
    out += field('In-Reply-To', verbatim(mail.inReplyTo, 'inReplyTo'), 'inReplyTo');
  }
  if (mail.references.length > 0) {
    out += field('References', verbatim(mail.references.join(' '), 'references'), 'references');
  }
  out += field('Subject', unstructured(mail.subject, 'subject'), 'subject');
  out += field('Message-ID', verbatim(mail.messageId, 'messageId'), 'messageId');
  out += `Date: ${mail.date === undefined ? dateValue(mail.createdAt, 'createdAt') : dateValue(mail.date, 'date')}\r\n`;
  if (mail.priority === 'high') {
    out += 'X-Priority: 1 (Highest)\r\nX-MSMail-Priority: High\r\nImportance: High\r\n';
  } else if (mail.priority === 'low') {
    out += 'X-Priority: 5 (Lowest)\r\nX-MSMail-Priority: Low\r\nImportance: Low\r\n';
  }
  return out;
}

function customHeader(name: string, value: string, path: string): string {
  if (!FIELD_NAME.test(name)) throw headerFault(`${path}.name`, 'is not a header name');
  if (OWN_FIELDS.test(name))
    throw headerFault(`${path}.name`, 'is a header that the message has already');
  const valuePath = `${path}.value`;
  return field(name, headerValue(name, value, valuePath), valuePath);
}

function addressField(name: string, list: readonly MailAddress[], path: string): string {
  if (list.length === 0) return '';
  let value = mailbox(list[0]!, `${path}[0]`);
  for (let i = 1; i < list.length; i++) value += ', ' + mailbox(list[i]!, `${path}[${i}]`);
  return field(name, value, path);
}

/** A field without a value is left out. */
function field(name: string, value: string, path: string): string {
  return value === '' ? '' : fold(`${name}: ${value}`, path) + '\r\n';
}
