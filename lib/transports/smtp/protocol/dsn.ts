import type { MailDsn } from '../../../message/mail.js';
import { xtext } from '../../../message/xtext.js';

const RETURN = { full: 'FULL', headers: 'HDRS' } as const;

/** What MAIL says of delivery reports (RFC 3461 §4.3, §4.4). */
export function mailDsn({ id, return: content }: MailDsn): string {
  const ret = content === undefined ? '' : ` RET=${RETURN[content]}`;
  return id === undefined ? ret : `${ret} ENVID=${xtext(id)}`;
}

/** What RCPT says of them (RFC 3461 §4.1, §4.2). */
export function rcptDsn({ notify }: MailDsn, address: string): string {
  const when = notify === undefined ? '' : ` NOTIFY=${notify.join(',').toUpperCase()}`;
  // An address outside ASCII would need a type of its own (RFC 6533 §3); ORCPT may be left out.
  return /^[ -~]+$/.test(address) ? `${when} ORCPT=rfc822;${xtext(address)}` : when;
}
