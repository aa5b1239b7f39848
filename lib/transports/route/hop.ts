import { MailDeliveryError, MailError } from '../../base/errors.js';
import type { MailDelivery, MailHop } from '../transport.js';
import type { Road } from './route-member.js';

export type HopTimes = Pick<MailHop, 'startedAt' | 'durationMs'>;

/** How a mail's attempt over a road went, as its receipt records it. */
export function hopOf(road: Road, times: HopTimes, outcome: MailDelivery): MailHop {
  const { rejected, response, remoteId } = outcome;
  return {
    ...times,
    road: road.label(outcome.road),
    outcome: rejected.length > 0 ? 'partial' : 'accepted',
    response,
    ...(remoteId !== undefined && { remoteId }),
  };
}

/** The same of one that failed, with whatever it threw. */
export function failedHop(road: Road, times: HopTimes, error: unknown): MailHop {
  const said = error instanceof MailDeliveryError ? error : undefined;
  return {
    ...times,
    road: road.label(said?.road),
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
