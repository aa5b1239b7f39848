import type { JobFailure, Settlement } from '../relay.js';
import type { ResolvedBullOptions } from './bull.options.js';

/** A job under lease, as far as settling it needs. */
export interface HeldJob {
  readonly jobId: string;
  /** Whether it has an idempotency key. */
  readonly keyed: boolean;
}

/** A settlement in the words of the script. */
export function encodeSettlement(
  settlement: Settlement,
  { jobId: job, keyed }: HeldJob,
  { timeoutMs, idempotencyTtlMs }: Pick<ResolvedBullOptions, 'timeoutMs' | 'idempotencyTtlMs'>,
): string {
  const { outcome } = settlement;
  if (outcome === 'sent') {
    // As long as a `send` whose answer was lost may still try again.
    const least = 2 * timeoutMs;
    const rememberMs = keyed ? Math.max(least, idempotencyTtlMs) : least;
    return JSON.stringify({ job, outcome, rememberMs });
  }
  const { attempts, unknowns, open } = settlement;
  return JSON.stringify({
    job,
    outcome,
    attempts,
    unknowns,
    ...(open && { open: JSON.stringify(open) }),
    failure: JSON.stringify(settlement.failure),
    ...(outcome === 'dead' ? { reason: settlement.reason } : { delayMs: settlement.delayMs }),
  });
}

/** Why a job is set aside that no worker survived. */
export function tooManyDeaths(at: number): JobFailure {
  const message = 'Too many workers died while they sent this mail';
  return { code: 'MAIL_ABORTED', disposition: 'unknown', message, at };
}
