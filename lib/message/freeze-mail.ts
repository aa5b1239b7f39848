import type { Mail } from './mail.js';
import { keysOf } from './read/fields.js';
import type { MailDraft } from './read/validate.js';

export type MailIdentity = Pick<Mail, 'id' | 'messageId' | 'createdAt' | 'template'>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Keys that a mail may lack. */
type OptionalKey<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];

/** The draft's; a template's name comes with the identity. */
const OPTIONAL = keysOf<Omit<Pick<Mail, OptionalKey<Mail>>, 'template'>>({
  sender: true,
  text: true,
  html: true,
  amp: true,
  icalEvent: true,
  inReplyTo: true,
  priority: true,
  date: true,
  sendAt: true,
  dsn: true,
  requireTLSExtensionEnabled: true,
  providerOptions: true,
});

/**
 * The finished mail. What is inside the draft's lists is frozen already, by whoever read it. Fields
 * are named one by one: a spread gives the object a slow form, which made this half of all the cost.
 */
export function freezeMail(identity: MailIdentity, draft: MailDraft): Mail {
  const mail: Mutable<Mail> = {
    id: identity.id,
    messageId: identity.messageId,
    createdAt: identity.createdAt,
    envelope: draft.envelope,
    from: draft.from,
    to: Object.freeze(draft.to),
    cc: Object.freeze(draft.cc),
    bcc: Object.freeze(draft.bcc),
    replyTo: Object.freeze(draft.replyTo),
    subject: draft.subject,
    attachments: Object.freeze(draft.attachments),
    headers: Object.freeze(draft.headers),
    references: Object.freeze(draft.references),
    tags: Object.freeze(draft.tags),
    metadata: Object.freeze(draft.metadata),
  };
  Object.freeze(mail.envelope.to);
  Object.freeze(mail.envelope);
  const optional = mail as unknown as Record<string, unknown>;
  for (const key of OPTIONAL) {
    const value = draft[key];
    if (value !== undefined) optional[key] = value;
  }
  if (identity.template !== undefined) mail.template = identity.template;
  return Object.freeze(mail);
}
