import type { Mail } from '../../../message/mail.js';
import { headersOf } from '../mail-headers.js';
import { readSendGridOptions } from './sendgrid-options.js';
import {
  toAddress,
  toSendAt,
  type Address,
  type Personalization,
} from './sendgrid-personalizations.js';

/** The body of `POST /v3/mail/send`. */
export interface SendGridBody {
  personalizations: readonly Personalization[];
  from: Address;
  reply_to?: Address;
  reply_to_list?: Address[];
  subject?: string;
  content?: { type: string; value: string }[];
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
  mail_settings?: object;
  /** template_id, sections, batch_id, asm, ip_pool_name, tracking_settings. */
  [option: string]: unknown;
}

/** Maps every field of a mail for which `findLimit` found nothing. `now` is in milliseconds. */
export function toSendGridBody(
  mail: Mail,
  now: number,
  sandbox: boolean,
  options = readSendGridOptions(mail, now),
): SendGridBody {
  const { to, cc, bcc, replyTo, attachments, tags, metadata } = mail;
  const [replyToOne] = replyTo;
  const parts = content(mail);
  return {
    personalizations: options.personalizations ?? [
      {
        to: to.map(toAddress),
        ...(cc.length > 0 && { cc: cc.map(toAddress) }),
        ...(bcc.length > 0 && { bcc: bcc.map(toAddress) }),
        ...options.personal,
      },
    ],
    from: toAddress(mail.from),
    ...(replyToOne && replyTo.length === 1 && { reply_to: toAddress(replyToOne) }),
    ...(replyTo.length > 1 && { reply_to_list: replyTo.map(toAddress) }),
    ...(mail.subject !== '' && { subject: mail.subject }),
    ...(parts.length > 0 && { content: parts }),
    ...(attachments.length > 0 && { attachments: attachments.map(attachment) }),
    headers: Object.fromEntries(headersOf(mail).map(({ name, value }) => [name, value])),
    // A tag given twice is still one tag.
    ...(tags.length > 0 && { categories: [...new Set(tags)] }),
    ...(Object.keys(metadata).length > 0 && { custom_args: metadata }),
    ...toSendAt(mail.sendAt, now),
    ...options.body,
    ...(sandbox && {
      mail_settings: {
        ...(options.body['mail_settings'] as object | undefined),
        sandbox_mode: { enable: true },
      },
    }),
  };
}

/** Text first, html after it, invitations last (SendGrid); AMP before html (amp.dev, and SendGrid's page on AMP). */
function content({ text, amp, html, icalEvent }: Mail): NonNullable<SendGridBody['content']> {
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
