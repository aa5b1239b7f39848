import { createMail, type CreateMailOptions } from '../../../lib/message/create-mail.js';
import { MailValidationError, type MailIssue } from '../../../lib/base/errors.js';
import type { Mail } from '../../../lib/message/mail.js';
import type { MailMessage } from '../../../lib/message/message.js';

export const base = {
  from: 'Shop <hello@shop.example>',
  to: 'ann@example.com',
  subject: 'Hello',
  text: 'Hi',
} as const satisfies MailMessage;

/** What fails the types fails here as well: the input is whatever a JavaScript caller may pass. */
export function make(fields: object = {}, options?: CreateMailOptions): Mail {
  return createMail({ ...base, ...fields }, options);
}

export function issuesOf(run: () => unknown): readonly MailIssue[] {
  try {
    run();
  } catch (error) {
    if (error instanceof MailValidationError) return error.issues;
    throw error;
  }
  throw new Error('nothing was thrown');
}

export function pathsOf(run: () => unknown): string[] {
  return issuesOf(run).map(({ path }) => path);
}

/** Every string of a mail that ends up in a header or in the envelope. */
export function fieldStrings(mail: Mail): string[] {
  const addresses = [mail.from, mail.sender, ...mail.to, ...mail.cc, ...mail.bcc, ...mail.replyTo];
  return [
    mail.messageId,
    mail.createdAt,
    mail.subject,
    mail.envelope.from,
    ...mail.envelope.to,
    ...addresses.flatMap((item) => (item ? [item.address, item.name ?? ''] : [])),
    ...mail.headers.flatMap(({ name, value }) => [name, value.replaceAll('\t', '')]),
    ...mail.attachments.flatMap((a) => [a.contentType, a.filename ?? '', a.cid ?? '']),
    ...mail.references,
    ...mail.tags,
    ...Object.keys(mail.metadata),
    mail.inReplyTo ?? '',
    mail.icalEvent?.method ?? '',
  ].map((text) => text.replaceAll('\t', ' '));
}

export const CONTROL = /[\u0000-\u001f\u007f-\u009f]|[\ud800-\udbff](?![\udc00-\udfff])/;
