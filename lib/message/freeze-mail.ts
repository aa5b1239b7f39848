import type { Mail } from './mail.js';
import type { MailDraft } from './validate.js';

export type MailIdentity = Pick<Mail, 'id' | 'messageId' | 'createdAt'>;

/** The finished mail. What is inside the draft's lists is frozen already, by whoever read it. */
export function freezeMail(identity: MailIdentity, draft: MailDraft): Mail {
  const mail = { ...identity, ...draft, messageId: identity.messageId } as Mail;
  Object.freeze(mail.envelope.to);
  Object.freeze(mail.envelope);
  Object.freeze(mail.to);
  Object.freeze(mail.cc);
  Object.freeze(mail.bcc);
  Object.freeze(mail.replyTo);
  Object.freeze(mail.attachments);
  Object.freeze(mail.headers);
  Object.freeze(mail.references);
  Object.freeze(mail.tags);
  Object.freeze(mail.metadata);
  return Object.freeze(mail);
}
