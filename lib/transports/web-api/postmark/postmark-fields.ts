import type { MailFieldRules } from '../../../message/mail-fields.js';

const NO_WAY = 'Postmark has no way to carry it';
const NO_WORDS = 'its Web API has no way to ask for it';

/** What Postmark's `POST /email` does with each field of a mail. */
export const POSTMARK_FIELDS = {
  id: { irrelevant: 'the Message-ID holds it, or what the caller put in its place' },
  messageId: { carried: 'Headers' },
  createdAt: { irrelevant: 'Postmark dates the message' },
  date: { refused: NO_WAY },
  envelope: { irrelevant: 'it follows from the other fields; one that differs is refused' },
  from: { carried: 'From' },
  sender: { refused: 'Postmark chooses the reverse-path itself' },
  to: { carried: 'To' },
  cc: { carried: 'Cc' },
  bcc: { carried: 'Bcc' },
  replyTo: { carried: 'ReplyTo' },
  subject: { carried: 'Subject' },
  text: { carried: 'TextBody' },
  html: { carried: 'HtmlBody' },
  amp: { refused: NO_WAY },
  icalEvent: { refused: NO_WAY },
  'attachments.filename': { carried: 'Attachments' },
  'attachments.contentType': { carried: 'Attachments' },
  'attachments.content': { carried: 'Attachments' },
  'attachments.cid': { carried: 'Attachments' },
  'attachments.disposition': { irrelevant: 'it follows from `cid`; one that differs is refused' },
  headers: { carried: 'Headers' },
  inReplyTo: { carried: 'Headers' },
  references: { carried: 'Headers' },
  priority: { carried: 'Headers' },
  tags: { carried: 'Tag' },
  metadata: { carried: 'Metadata' },
  template: { irrelevant: 'it names in events what the content came from' },
  sendAt: { irrelevant: 'once it has passed; until then it is refused' },
  dsn: { refused: NO_WORDS },
  requireTLSExtensionEnabled: { refused: NO_WORDS },
  providerOptions: { carried: 'what is under `postmark`, as the API names it' },
} as const satisfies MailFieldRules;
