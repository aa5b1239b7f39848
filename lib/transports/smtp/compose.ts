import type { Mail } from '../../message/mail.js';
import type { MailField, MailFieldRule } from '../../message/mail-fields.js';
import { composeMime } from '../../message/mime/compose.js';
import type { MIME_FIELDS } from '../../message/mime/mime-fields.js';
import type { WireMail } from './protocol/commands.js';

/** What the composer leaves to others. */
type BesideContent = {
  [K in MailField]: (typeof MIME_FIELDS)[K] extends { readonly carried: string } ? never : K;
}[MailField];

/** What SMTP does with each field of a mail that does not stand in its content. */
export const SMTP_FIELDS = {
  envelope: { carried: 'MAIL and RCPT' },
  bcc: { irrelevant: 'the envelope has its recipients' },
  dsn: { carried: 'RET, ENVID, NOTIFY and ORCPT (RFC 3461)' },
  requireTLSExtensionEnabled: { carried: 'REQUIRETLS (RFC 8689)' },
  sendAt: { irrelevant: 'once it has passed; until then `deliver` refuses it' },
  tags: { irrelevant: 'they are for statistics, on this side of the transport' },
  metadata: { irrelevant: 'it comes back in events, and is never a header' },
  template: { irrelevant: 'it names in events what the content came from' },
  providerOptions: { irrelevant: 'they are another transport’s own' },
} as const satisfies Readonly<Record<BesideContent, MailFieldRule>>;

/** The mail as SMTP sends it: its content, and what the commands say beside it. */
export function composeWire(mail: Mail): WireMail {
  const { bytes, has8bit, smtputf8 } = composeMime(mail);
  const { envelope, dsn, requireTLSExtensionEnabled: requireTls } = mail;
  return { envelope, content: bytes, eightBit: has8bit, smtputf8, dsn, requireTls };
}
