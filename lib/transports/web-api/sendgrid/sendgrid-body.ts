import type { Mail, MailHeader } from '../../../message/mail.js';
import { headersOf } from '../mail-headers.js';
import { readSendGridOptions, type SendGridExtras } from './sendgrid-options.js';
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
  custom_args?: Readonly<Record<string, string>>;
  send_at?: number;
  mail_settings?: object;
  /** template_id, sections, batch_id, asm, ip_pool_name, tracking_settings. */
  [option: string]: unknown;
}

/**
 * Maps every field of a mail for which `findLimit` found nothing. `now` is in milliseconds. Fields are
 * set one by one: objects spread together cost more than all the rest of it.
 */
export function toSendGridBody(
  mail: Mail,
  now: number,
  sandbox: boolean,
  options = readSendGridOptions(mail, now),
  headers: readonly MailHeader[] = headersOf(mail),
): SendGridBody {
  const { replyTo, attachments, tags, metadata } = mail;
  const body: SendGridBody = {
    personalizations: options.personalizations ?? [personalization(mail, options)],
    from: toAddress(mail.from),
    headers: Object.fromEntries(headers.map(({ name, value }) => [name, value])),
  };
  if (replyTo.length === 1) body.reply_to = toAddress(replyTo[0]!);
  else if (replyTo.length > 1) body.reply_to_list = replyTo.map(toAddress);
  if (mail.subject !== '') body.subject = mail.subject;
  const parts = content(mail);
  if (parts.length > 0) body.content = parts;
  if (attachments.length > 0) body.attachments = attachments.map(attachment);
  // A tag given twice is still one tag.
  if (tags.length > 0) body.categories = [...new Set(tags)];
  if (Object.keys(metadata).length > 0) body.custom_args = metadata;
  if (mail.sendAt !== undefined) Object.assign(body, toSendAt(mail.sendAt, now));
  Object.assign(body, options.body);
  if (sandbox) body.mail_settings = { ...body.mail_settings, sandbox_mode: { enable: true } };
  return body;
}

function personalization({ to, cc, bcc }: Mail, { personal }: SendGridExtras): Personalization {
  const one: Personalization = { to: to.map(toAddress) };
  if (cc.length > 0) one.cc = cc.map(toAddress);
  if (bcc.length > 0) one.bcc = bcc.map(toAddress);
  return Object.assign(one, personal);
}

/** Text first, html after it, invitations last (SendGrid); AMP before html (amp.dev, and SendGrid's page on AMP). */
function content({ text, amp, html, icalEvent }: Mail): NonNullable<SendGridBody['content']> {
  const parts: NonNullable<SendGridBody['content']> = [];
  if (text !== undefined) parts.push({ type: 'text/plain', value: text });
  if (amp !== undefined) parts.push({ type: 'text/x-amp-html', value: amp });
  if (html !== undefined) parts.push({ type: 'text/html', value: html });
  if (icalEvent) {
    parts.push({ type: `text/calendar; method=${icalEvent.method}`, value: icalEvent.content });
  }
  return parts;
}

/** Its types have no parameters; that a text is UTF-8 is what programs take for granted. */
export const UTF8 = /; charset="?utf-8"?$/i;

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
    type: contentType.replace(UTF8, ''),
    disposition,
    ...(cid !== undefined && { content_id: cid }),
  };
}
