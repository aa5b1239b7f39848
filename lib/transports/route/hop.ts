import { MailDeliveryError, MailError } from '../../base/errors.js';
import type { MailDelivery, MailHop } from '../transport.js';
import type { RouteMember } from './route-member.js';

export type HopTimes = Pick<MailHop, 'startedAt' | 'durationMs'>;

/** How a mail's attempt over a transport went, as its receipt records it. */
export function hopOf(member: RouteMember, times: HopTimes, outcome: MailDelivery): MailHop {
  const { rejected, response, remoteId } = outcome;
  return {
    ...times,
    transport: member.label(outcome.transport),
    outcome: rejected.length > 0 ? 'partial' : 'accepted',
    response,
    ...(remoteId !== undefined && { remoteId }),
  };
}

/** The same of one that failed, with whatever it threw. */
export function failedHop(member: RouteMember, times: HopTimes, error: unknown): MailHop {
  const said = error instanceof MailDeliveryError ? error : undefined;
  return {
    ...times,
    transport: member.label(said?.transport),
    outcome: 'failed',
    ...(said?.response !== undefined && { response: said.response }),
    error: summary(error),
  };
}

function summary(error: unknown): NonNullable<MailHop['error']> {
  if (error instanceof MailError) {
    const { code, disposition, message } = error;
    return { code, disposition, message };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'MAIL_PROTOCOL', disposition: 'unknown', message };
}
