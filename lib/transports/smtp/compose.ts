import DKIM from 'nodemailer/lib/dkim';
import MailComposer from 'nodemailer/lib/mail-composer';
import type { Mail, MailAddress } from '../../message/mail.js';
import { composeMime } from '../../message/mime/compose.js';
import type { SmtpDkimOptions } from './smtp-security.options.js';

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
export async function compose(mail: Mail, dkim?: SmtpDkimOptions): Promise<Buffer> {
  const bytes = composeMime(mail)?.bytes ?? (await composeByNodemailer(mail));
  return dkim ? sign(bytes, dkim) : bytes;
}

/** For what our own composer leaves alone. Files and URLs are out of its reach. */
async function composeByNodemailer(mail: Mail): Promise<Buffer> {
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

async function sign(bytes: Buffer, dkim: SmtpDkimOptions): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of new DKIM({ ...dkim }).sign(bytes)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
