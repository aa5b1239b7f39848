import type { Mail, MailAddress, MailHeader } from '../../../message/mail.js';
import { refusalBy } from '../../../message/mail-fields.js';
import { headersOf } from '../mail-headers.js';
import { UTF8 } from './sendgrid-body.js';
import { SENDGRID_FIELDS } from './sendgrid-fields.js';
import { headerLimit } from './sendgrid-headers.js';
import { readSendGridOptions, type SendGridExtras } from './sendgrid-options.js';
import { MAX_CUSTOM_ARGS_BYTES, MAX_SCHEDULE_MS } from './sendgrid-personalizations.js';

/** Something of a mail that SendGrid cannot carry. `field` is the message's own field. */
export interface SendGridLimit {
  readonly field: string;
  readonly limit: string;
}

/** By https://www.twilio.com/docs/sendgrid/api-reference/mail-send and its page of errors. */
const MAX_RECIPIENTS = 1000;
const MAX_REPLY_TO = 1000;
const MAX_CATEGORIES = 10;
const MAX_CATEGORY_LENGTH = 255;
/** "Less than 30 MB" in all. */
export const MAX_BODY_BYTES = 30 * 1024 * 1024;

const refusalOf = refusalBy(SENDGRID_FIELDS);

type Check = (mail: Mail, now: number, options: SendGridExtras) => SendGridLimit | undefined;

const CHECKS: readonly Check[] = [envelope, recipients, addresses, content, attachments, extras];

/**
 * The first thing of the mail that SendGrid would refuse or change, if any. `options` and `headers` are
 * the mail's, for those who have them already.
 */
export function findLimit(
  mail: Mail,
  now: number,
  options = readSendGridOptions(mail, now),
  headers: readonly MailHeader[] = headersOf(mail),
): SendGridLimit | undefined {
  const refused = refusalOf(mail);
  if (refused) return { field: refused.field, limit: refused.why };
  for (const check of CHECKS) {
    const found = check(mail, now, options);
    if (found) return found;
  }
  return findHeader(headers);
}

function envelope(mail: Mail): SendGridLimit | undefined {
  const { from, to } = mail.envelope;
  if (from !== (mail.sender ?? mail.from).address) {
    return { field: 'envelope.from', limit: 'SendGrid chooses the reverse-path itself' };
  }
  const named = new Set<string>();
  for (const list of [mail.to, mail.cc, mail.bcc]) {
    for (const { address } of list) named.add(address);
  }
  if (named.size !== to.length || !to.every((address) => named.has(address))) {
    return { field: 'envelope.to', limit: 'SendGrid sends to exactly to, cc and bcc' };
  }
  return undefined;
}

function recipients({ to, cc, bcc, replyTo }: Mail): SendGridLimit | undefined {
  if (to.length === 0) return { field: 'to', limit: 'SendGrid needs at least one' };
  const count = to.length + cc.length + bcc.length;
  if (count > MAX_RECIPIENTS) {
    return {
      field: 'to',
      limit: `at most ${MAX_RECIPIENTS} in to, cc and bcc, and it has ${count}`,
    };
  }
  if (replyTo.length > MAX_REPLY_TO) {
    return { field: 'replyTo', limit: `at most ${MAX_REPLY_TO} addresses` };
  }
  const seen = new Set<string>();
  return (
    findRecipient('to', to, seen) ??
    findRecipient('cc', cc, seen) ??
    findRecipient('bcc', bcc, seen)
  );
}

function findRecipient(
  field: string,
  list: readonly MailAddress[],
  seen: Set<string>,
): SendGridLimit | undefined {
  for (const [index, { address, name }] of list.entries()) {
    // SendGrid compares without case.
    const key = address.toLowerCase();
    if (seen.has(key)) {
      return { field: `${field}[${index}]`, limit: 'each address once over to, cc and bcc' };
    }
    seen.add(key);
    if (name !== undefined && /[;,]/.test(name)) {
      return {
        field: `${field}[${index}].name`,
        limit: 'no `;` or `,` in the name of a recipient',
      };
    }
  }
  return undefined;
}

function addresses(mail: Mail): SendGridLimit | undefined {
  const { from, sender, to, cc, bcc, replyTo } = mail;
  return (
    findForeign('from', [from]) ??
    (sender && findForeign('sender', [sender])) ??
    findForeign('to', to) ??
    findForeign('cc', cc) ??
    findForeign('bcc', bcc) ??
    findForeign('replyTo', replyTo)
  );
}

function findForeign(field: string, list: readonly MailAddress[]): SendGridLimit | undefined {
  const index = list.findIndex(({ address }) => /[^\0-\x7f]/.test(address));
  return index < 0 ? undefined : { field: `${field}[${index}]`, limit: 'addresses in ASCII only' };
}

function content(mail: Mail, _: number, options: SendGridExtras): SendGridLimit | undefined {
  const template = options.body.template_id !== undefined;
  const subjects = options.personalizations?.every(({ subject }) => subject !== undefined);
  if (mail.subject === '' && !template && subjects !== true)
    return { field: 'subject', limit: 'a subject that is not empty' };
  const { text, amp, html, icalEvent } = mail;
  if ((text ?? amp ?? html ?? icalEvent) === undefined && !template)
    return { field: 'text', limit: 'at least one of text and html' };
  for (const field of ['text', 'amp', 'html'] as const) {
    if (mail[field] === '') return { field, limit: 'a content that is not empty' };
  }
  if (icalEvent?.content === '')
    return { field: 'icalEvent', limit: 'a content that is not empty' };
  return undefined;
}

function attachments(mail: Mail): SendGridLimit | undefined {
  let bytes = 0;
  for (const [index, { filename, content, contentType }] of mail.attachments.entries()) {
    const path = `attachments[${index}]`;
    if (!filename) return { field: `${path}.filename`, limit: 'every attachment has a filename' };
    if (content.length === 0) return { field: `${path}.content`, limit: 'no attachment is empty' };
    // The one parameter that it lets through is an invitation's.
    const type = contentType.replace(UTF8, '');
    if (type.includes(';') && !/^text\/calendar; ?method=[a-z]+$/i.test(type)) {
      return { field: `${path}.contentType`, limit: 'no parameters in the type of an attachment' };
    }
    bytes += Math.ceil(content.length / 3) * 4;
  }
  if (bytes >= MAX_BODY_BYTES) return { field: 'attachments', limit: 'less than 30 MB in all' };
  return undefined;
}

function findHeader(headers: readonly MailHeader[]): SendGridLimit | undefined {
  const seen = new Set<string>();
  for (const { name, value } of headers) {
    const key = name.toLowerCase();
    const field = `headers.${name}`;
    if (seen.has(key)) return { field, limit: 'one value for each header' };
    seen.add(key);
    const limit = headerLimit(name, value);
    if (limit !== undefined) return { field, limit };
  }
  return undefined;
}

function extras(mail: Mail, now: number): SendGridLimit | undefined {
  const { size } = new Set(mail.tags);
  if (size > MAX_CATEGORIES) {
    return { field: 'tags', limit: `at most ${MAX_CATEGORIES}, and it has ${size}` };
  }
  if (mail.tags.some((tag) => tag === '' || tag.length > MAX_CATEGORY_LENGTH)) {
    return { field: 'tags', limit: `1 to ${MAX_CATEGORY_LENGTH} characters each` };
  }
  if (Buffer.byteLength(JSON.stringify(mail.metadata)) > MAX_CUSTOM_ARGS_BYTES) {
    return { field: 'metadata', limit: `at most ${MAX_CUSTOM_ARGS_BYTES} bytes of JSON` };
  }
  if (mail.sendAt !== undefined && Date.parse(mail.sendAt) > now + MAX_SCHEDULE_MS) {
    return { field: 'sendAt', limit: 'at most 72 hours ahead' };
  }
  return undefined;
}
