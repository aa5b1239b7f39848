import type { Mail } from '../../message/mail.js';

/** The first wish of the mail that only SMTP has words for, if any. */
export function smtpOnly(
  mail: Pick<Mail, 'dsn' | 'requireTLSExtensionEnabled'>,
): 'dsn' | 'requireTLSExtensionEnabled' | undefined {
  if (mail.dsn) return 'dsn';
  return mail.requireTLSExtensionEnabled && 'requireTLSExtensionEnabled';
}
