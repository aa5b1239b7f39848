import type { Mail, MailHeader } from '../../message/mail.js';
import { encodeHeaderValue, formatAddress } from './encoded-word.js';

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
  if (mail.date !== undefined) headers.push({ name: 'Date', value: formatDate(mail.date) });
  if (mail.sender) {
    headers.push({ name: 'Sender', value: formatAddress(mail.sender.name, mail.sender.address) });
  }
  if (mail.inReplyTo !== undefined) headers.push({ name: 'In-Reply-To', value: mail.inReplyTo });
  if (mail.references.length > 0) {
    headers.push({ name: 'References', value: mail.references.join(' ') });
  }
  // Normal is what no header means; nodemailer writes none either.
  if (mail.priority === 'high' || mail.priority === 'low') headers.push(...PRIORITY[mail.priority]);
  for (const { name, value } of mail.headers) {
    headers.push({ name, value: encodeHeaderValue(value) });
  }
  return headers;
}

/** RFC 5322 §3.3. */
function formatDate(iso: string): string {
  return new Date(iso).toUTCString().replace('GMT', '+0000');
}
