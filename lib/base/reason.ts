import { MailDeliveryError } from './errors.js';

/**
 * What an error says, to be put behind our own words; empty when it says nothing. A host with several
 * addresses fails with an `AggregateError` whose own message is empty.
 */
export function messageOf(error: unknown): string {
  const { message, errors } = (error ?? {}) as { message?: unknown; errors?: unknown };
  if (typeof message === 'string' && message !== '') return message;
  return Array.isArray(errors) ? errors.map(messageOf).filter(Boolean).join('; ') : '';
}

/** What tells one reason from another: a server's words may hold a number that is new each time. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof MailDeliveryError)) return messageOf(error);
  const { code, stage, smtpCode, enhancedCode, httpStatus } = error;
  return [code, stage, smtpCode, enhancedCode, httpStatus].join(' ');
}
