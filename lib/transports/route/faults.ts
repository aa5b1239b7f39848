import { MailDeliveryError, MailError, MailShutdownError } from '../../base/errors.js';

/** What a failed attempt says about its transport: it works, it is at fault, or nothing. */
export function verdictOf(error: unknown): 'up' | 'down' | 'none' {
  // A transport of the user's own may throw anything.
  if (!(error instanceof MailDeliveryError)) return 'down';
  if (error.code === 'MAIL_ABORTED' || isMadeHere(error)) return 'none';
  return error.fault === 'transport' ? 'down' : 'up';
}

/** The mail may have been accepted: the transport said so, or threw something that tells nothing. */
export function isUnknown(error: unknown): boolean {
  return error instanceof MailError ? error.disposition === 'unknown' : true;
}

/** Whether another transport may carry the mail: it was not accepted, and it is not the mail's own fault. */
export function mayGoOn(error: unknown, failoverUnknown: boolean): boolean {
  if (isUnknown(error)) return failoverUnknown && !isAborted(error);
  if (error instanceof MailShutdownError) return true;
  if (!(error instanceof MailDeliveryError) || isAborted(error)) return false;
  return error.fault === 'transport' || error.code === 'MAIL_UNSUPPORTED';
}

function isAborted(error: unknown): boolean {
  return error instanceof MailError && error.code === 'MAIL_ABORTED';
}

/** True of this process or this transport's abilities; the next hop was not asked. */
function isMadeHere({ code, stage, retryAfterMs }: MailDeliveryError): boolean {
  if (code === 'MAIL_UNSUPPORTED') return true;
  return code === 'MAIL_RATE' && stage === 'queue' && retryAfterMs === undefined;
}
