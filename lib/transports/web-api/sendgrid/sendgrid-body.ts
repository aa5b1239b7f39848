import type { Mail, MailAddress } from '../../../message/mail.js';
import { headersOf } from './sendgrid-headers.js';

interface Address {
  email: string;
  name?: string;
}

/** The body of `POST /v3/mail/send`, as far as we use it. */
export interface SendGridBody {
  personalizations: [{ to: Address[]; cc?: Address[]; bcc?: Address[] }];
  from: Address;
  reply_to?: Address;
  reply_to_list?: Address[];
  subject: string;
  content: { type: string; value: string }[];
  attachments?: {
    content: string;
    filename?: string;
    type: string;
    disposition: string;
    content_id?: string;
  }[];
  headers: Record<string, string>;
  categories?: string[];
  custom_args?: Record<string, string>;
  send_at?: number;
  mail_settings?: { sandbox_mode: { enable: true } };
}

/** Maps every field of a mail for which `findLimit` found nothing. `now` is in milliseconds. */
export function toSendGridBody(mail: Mail, now: number, sandbox: boolean): SendGridBody {
  const { to, cc, bcc, replyTo, attachments, tags, metadata } = mail;
  const [replyToOne] = replyTo;
  return {
    personalizations: [
      {
        to: to.map(address),
        ...(cc.length > 0 && { cc: cc.map(address) }),
        ...(bcc.length > 0 && { bcc: bcc.map(address) }),
      },
    ],
    from: address(mail.from),
    ...(replyToOne && replyTo.length === 1 && { reply_to: address(replyToOne) }),
    ...(replyTo.length > 1 && { reply_to_list: replyTo.map(address) }),
    subject: mail.subject,
    content: content(mail),
    ...(attachments.length > 0 && { attachments: attachments.map(attachment) }),
    headers: Object.fromEntries(headersOf(mail).map(({ name, value }) => [name, value])),
    // A tag given twice is still one tag.
    ...(tags.length > 0 && { categories: [...new Set(tags)] }),
    ...(Object.keys(metadata).length > 0 && { custom_args: metadata }),
    ...sendAt(mail, now),
    ...(sandbox && { mail_settings: { sandbox_mode: { enable: true } } }),
  };
}

function address({ address: email, name }: MailAddress): Address {
  return name ? { email, name } : { email };
}

/** Text first, html after it, invitations last (SendGrid); AMP before html (amp.dev, and SendGrid's page on AMP). */
function content({ text, amp, html, icalEvent }: Mail): SendGridBody['content'] {
  const parts = [
    { type: 'text/plain', value: text },
    { type: 'text/x-amp-html', value: amp },
    { type: 'text/html', value: html },
    { type: `text/calendar; method=${icalEvent?.method ?? ''}`, value: icalEvent?.content },
  ];
  return parts.flatMap(({ type, value }) => (value === undefined ? [] : [{ type, value }]));
}

function attachment({
  content: bytes,
  filename,
  contentType,
  disposition,
  cid,
}: Mail['attachments'][number]): NonNullable<SendGridBody['attachments']>[number] {
  return {
    content: bytes.toString('base64'),
    ...(filename !== undefined && { filename }),
    type: contentType,
    disposition,
    ...(cid !== undefined && { content_id: cid }),
  };
}

/** "Not before this moment": rounded up to SendGrid's seconds, and nothing once it has passed. */
function sendAt(mail: Mail, now: number): { send_at?: number } {
  const due = mail.sendAt === undefined ? 0 : Date.parse(mail.sendAt);
  return due > now ? { send_at: Math.ceil(due / 1000) } : {};
}
