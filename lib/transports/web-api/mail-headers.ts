import type { Mail, MailHeader } from '../../message/mail.js';
import { dateValue } from '../../message/mime/date-header.js';
import { mailbox } from '../../message/mime/header-value.js';
import { headerValue } from '../../message/mime/structured-value.js';

const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;

const PRIORITY: Record<'high' | 'low', readonly MailHeader[]> = {
  high: [
    { name: 'X-Priority', value: '1 (Highest)' },
    { name: 'X-MSMail-Priority', value: 'High' },
    { name: 'Importance', value: 'High' },
  ],
  low: [
    { name: 'X-Priority', value: '5 (Lowest)' },
    { name: 'X-MSMail-Priority', value: 'Low' },
    { name: 'Importance', value: 'Low' },
  ],
};

/**
 * Everything of the mail that JSON APIs have no field for, as headers: the same as over SMTP. The
 * caller's own headers stand last.
 */
export function headersOf(mail: Mail): MailHeader[] {
  const headers: MailHeader[] = [{ name: 'Message-ID', value: mail.messageId }];
  if (mail.date !== undefined) headers.push({ name: 'Date', value: dateValue(mail.date, 'date') });
  if (mail.sender) {
    headers.push({ name: 'Sender', value: mailbox(mail.sender, 'sender') });
  }
  if (mail.inReplyTo !== undefined) headers.push({ name: 'In-Reply-To', value: mail.inReplyTo });
  if (mail.references.length > 0) {
    headers.push({ name: 'References', value: mail.references.join(' ') });
  }
  // Normal is what no header means; nodemailer writes none either.
  if (mail.priority === 'high' || mail.priority === 'low') headers.push(...PRIORITY[mail.priority]);
  for (const { name, value } of mail.headers) {
    headers.push({ name, value: encodedValue(name, value) });
  }
  return headers;
}

/**
 * A header's value as over SMTP; SendGrid wants it "properly encoded". One that nobody may send, of a
 * mail that went around the door, goes on as it is for the provider's own check to refuse by name.
 */
export function encodedValue(name: string, value: string): string {
  return CONTROL.test(value) ? value : headerValue(name, value, `headers.${name}`);
}
