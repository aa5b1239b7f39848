import { MailDeliveryError, type MailError } from '../../base/errors.js';
import type { MailDelivery } from '../../transports/transport.js';
import { addressesOf } from '../../transports/refusal-summary.js';
import { failureOf } from '../job.js';
import type { JobFailure, LeasedJob, Settlement } from '../relay.js';
import { decide, type RetryPolicy } from '../retry-policy.js';

export interface OutcomeContext {
  readonly policy: RetryPolicy;
  /** Wall-clock time in milliseconds since the Unix epoch. */
  readonly now: number;
  /** From 0 up to but not including 1. */
  readonly random: number;
}

/** How a delivery settles its job: done, or deferred for the recipients that may be tried again. */
export function settleDelivery(
  job: LeasedJob,
  { transport, rejected }: MailDelivery,
  context: OutcomeContext,
): Settlement {
  const later = rejected.filter(({ disposition }) => disposition === 'retry');
  const first = later[0];
  if (!first) return { id: job.mail.id, outcome: 'sent' };
  const failure: JobFailure = {
    code: 'MAIL_RECIPIENTS',
    disposition: 'retry',
    message: `${transport} took the mail for others, and not yet for ${later.length} of its recipients`,
    transport,
    response: first.response,
    at: context.now,
  };
  return settle(job, context, { disposition: 'retry', open: addressesOf(later), failure });
}

/** How a fault of the message settles its job; this attempt counts. */
export function settleFailure(
  job: LeasedJob,
  error: MailError,
  context: OutcomeContext,
): Settlement {
  const failure = failureOf(error, context.now);
  if (!(error instanceof MailDeliveryError)) {
    return settle(job, context, { disposition: error.disposition, failure });
  }
  const { code, retryAfterMs, rejected, safeRetryUntil } = error;
  // When every recipient was refused each has its own answer, and only some of them may be final.
  const final = rejected.filter(({ disposition }) => disposition === 'permanent');
  const mixed = code === 'MAIL_RECIPIENTS' && final.length > 0 && final.length < rejected.length;
  if (!mixed) {
    const safeRetryMs = safeRetryUntil === undefined ? undefined : safeRetryUntil - context.now;
    const { disposition } = error;
    return settle(job, context, { disposition, retryAfterMs, safeRetryMs, failure });
  }
  const gone = new Set(addressesOf(final));
  const open = job.mail.envelope.to.filter((address) => !gone.has(address));
  return settle(job, context, { disposition: 'retry', retryAfterMs, open, failure });
}

function settle(
  { mail: { id }, attempts: before, unknowns: unknownBefore, bornAt }: LeasedJob,
  { policy, now, random }: OutcomeContext,
  what: {
    readonly disposition: MailError['disposition'];
    readonly retryAfterMs?: number;
    readonly safeRetryMs?: number;
    readonly open?: readonly string[];
    readonly failure: JobFailure;
  },
): Settlement {
  const { disposition, retryAfterMs, safeRetryMs, open, failure } = what;
  const attempts = before + 1;
  const unknowns = unknownBefore + (disposition === 'unknown' ? 1 : 0);
  const ageMs = now - bornAt;
  const decision = decide(policy, {
    disposition,
    retryAfterMs,
    attempts,
    unknowns,
    safeRetryMs,
    ageMs,
    random,
  });
  const common = { id, attempts, unknowns, ...(open && { open }), failure };
  return decision.action === 'dead'
    ? { ...common, outcome: 'dead', reason: decision.reason }
    : { ...common, outcome: 'deferred', delayMs: decision.delayMs };
}
