import type { MailFieldRules } from '../../../message/mail-fields.js';

const NO_WORDS = 'its Web API has no way to ask for it';

/** What SendGrid's `POST /v3/mail/send` does with each field of a mail. */
export const SENDGRID_FIELDS = {
  id: { irrelevant: 'the Message-ID holds it, or what the caller put in its place' },
  messageId: { carried: 'headers' },
  createdAt: { irrelevant: 'SendGrid dates a message that has no `date`' },
  date: { carried: 'headers' },
  envelope: { irrelevant: 'it follows from the other fields; one that differs is refused' },
  from: { carried: 'from' },
  sender: { carried: 'headers' },
  to: { carried: 'personalizations' },
  cc: { carried: 'personalizations' },
  bcc: { carried: 'personalizations' },
  replyTo: { carried: 'reply_to, or reply_to_list' },
  subject: { carried: 'subject' },
  text: { carried: 'content' },
  html: { carried: 'content' },
  amp: { carried: 'content' },
  icalEvent: { carried: 'content' },
  'attachments.filename': { carried: 'attachments' },
  'attachments.contentType': { carried: 'attachments, without `charset=utf-8`' },
  'attachments.content': { carried: 'attachments' },
  'attachments.cid': { carried: 'attachments' },
  'attachments.disposition': { carried: 'attachments' },
  headers: { carried: 'headers' },
  inReplyTo: { carried: 'headers' },
  references: { carried: 'headers' },
  priority: { carried: 'headers' },
  tags: { carried: 'categories' },
  metadata: { carried: 'custom_args' },
  template: { irrelevant: 'it names in events what the content came from' },
  sendAt: { carried: 'send_at' },
  dsn: { refused: NO_WORDS },
  requireTLSExtensionEnabled: { refused: NO_WORDS },
  providerOptions: { carried: 'what is under `sendgrid`, as the API names it' },
} as const satisfies MailFieldRules;
