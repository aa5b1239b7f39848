import type { Mail, MailAddress } from '../../message/mail.js';
import type { MailField, MailFieldRule } from '../../message/mail-fields.js';
import { type ComposedMail, composeMime } from '../../message/mime/compose.js';
import type { MIME_FIELDS } from '../../message/mime/mime-fields.js';

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

const PRIORITY = {
  high: [
    ['X-Priority', '1 (Highest)'],
    ['X-MSMail-Priority', 'High'],
    ['Importance', 'High'],
  ],
  normal: [],
  low: [
    ['X-Priority', '5 (Lowest)'],
    ['X-MSMail-Priority', 'Low'],
    ['Importance', 'Low'],
  ],
} as const;

/**
 * Writes a mail as RFC 5322 bytes: CRLF line ends only, no Bcc, everything in it fixed by the mail, so
 * that another attempt sends the same.
 */
export async function compose(mail: Mail): Promise<ComposedMail> {
  return composeMime(mail) ?? measured(await composeByNodemailer(mail));
}

function measured(bytes: Buffer): ComposedMail {
  const text = bytes.toString('latin1');
  const [head = ''] = text.split('\r\n\r\n', 1);
  const has8bit = !isAscii(text);
  return { bytes, has8bit, smtputf8: has8bit && !isAscii(head) };
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}

/** For what our own composer leaves alone. Files and URLs are out of its reach. */
async function composeByNodemailer(mail: Mail): Promise<Buffer> {
  // Few mails need it.
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer');
  const composer = new MailComposer({
    from: plain(mail.from),
    sender: mail.sender && plain(mail.sender),
    to: mail.to.map(plain),
    cc: mail.cc.map(plain),
    replyTo: mail.replyTo.map(plain),
    subject: mail.subject,
    messageId: mail.messageId,
    date: new Date(mail.date ?? mail.createdAt),
    inReplyTo: mail.inReplyTo,
    references: [...mail.references],
    text: mail.text,
    html: mail.html,
    amp: mail.amp,
    icalEvent: mail.icalEvent && { ...mail.icalEvent },
    attachments: mail.attachments.map(({ filename, contentType, content, cid, disposition }) => ({
      // `false` keeps the composer from making a name up.
      filename: filename ?? false,
      contentType,
      content,
      cid,
      contentDisposition: disposition,
    })),
    headers: [
      ...(mail.priority ? PRIORITY[mail.priority] : []).map(([key, value]) => ({ key, value })),
      ...mail.headers.map(({ name, value }) => ({ key: name, value })),
    ],
    baseBoundary: mail.id,
    newline: 'win',
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return withCrlf(await composer.compile().build());
}

function plain({ name, address }: MailAddress): { name: string; address: string } {
  return { name: name ?? '', address };
}

/** A bare CR or LF in content would be a smuggler's line end (RFC 5321 §2.3.8). */
function withCrlf(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  if (!/\r(?!\n)|(?<!\r)\n/.test(text)) return bytes;
  return Buffer.from(text.replace(/\r\n|\r|\n/g, '\r\n'), 'latin1');
}
