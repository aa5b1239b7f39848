import { MailDeliveryError, type MailError } from '../base/errors.js';
import type { OptionReader } from '../base/option-reader.js';
import type { DeadReason } from './relay.js';

export interface RetryOptions {
  /** Shortest wait before another attempt, in milliseconds. Default 10,000, minimum 1. */
  readonly minBackoffMs?: number;
  /** Longest wait before another attempt, in milliseconds. Default 3,600,000 (1 h), minimum `minBackoffMs`. */
  readonly maxBackoffMs?: number;
  /**
   * A mail not delivered after this many milliseconds is dead. Default 259,200,000 (3 days; RFC 5321
   * §4.5.4.1 has 4–5 days for mail between people), minimum 0: one attempt.
   */
  readonly lifetimeMs?: number;
  /**
   * When the reply was lost after the content was complete, so that the mail may have been accepted
   * (RFC 1047). `retry`, the default, sends it again with the same Message-ID; `hold` sets it aside
   * as dead until somebody says so.
   */
  readonly onUnknown?: 'retry' | 'hold';
}

export type RetryPolicy = Required<RetryOptions>;

export const RETRY_DEFAULTS: RetryPolicy = {
  minBackoffMs: 10_000,
  maxBackoffMs: 3_600_000,
  lifetimeMs: 259_200_000,
  onUnknown: 'retry',
};

/** Reads the option `retry`. @throws MailConfigurationError */
export function readRetryPolicy(options: OptionReader): RetryPolicy {
  const reader = options.nested('retry', Object.keys(RETRY_DEFAULTS));
  const { minBackoffMs, maxBackoffMs, lifetimeMs, onUnknown } = RETRY_DEFAULTS;
  const min = reader.integer('minBackoffMs', minBackoffMs, { min: 1 });
  return {
    minBackoffMs: min,
    maxBackoffMs: reader.integer('maxBackoffMs', Math.max(min, maxBackoffMs), { min }),
    lifetimeMs: reader.integer('lifetimeMs', lifetimeMs, { min: 0 }),
    onUnknown: reader.oneOf('onUnknown', ['retry', 'hold'], onUnknown),
  };
}

/** What to do after an attempt that delivered nothing, or not to everybody. */
export type RetryDecision =
  | { readonly action: 'defer'; readonly delayMs: number }
  | { readonly action: 'dead'; readonly reason: DeadReason };

export interface RetryQuestion {
  /** What the attempt failed with; for a partial delivery the recipients still open count as `retry`. */
  readonly disposition: MailError['disposition'];
  /** Milliseconds that the server asked to wait. */
  readonly retryAfterMs?: number;
  /** Attempts that counted, this one included; at least 1. */
  readonly attempts: number;
  /** Milliseconds since the mail's lifetime began. */
  readonly ageMs: number;
  /** From 0 up to but not including 1. */
  readonly random: number;
}

/** Decides on a fault of the message; pure. */
export function decide(policy: RetryPolicy, question: RetryQuestion): RetryDecision {
  const { disposition, retryAfterMs, attempts, ageMs, random } = question;
  if (disposition === 'permanent') return { action: 'dead', reason: 'permanent' };
  if (disposition === 'unknown' && policy.onUnknown === 'hold') {
    return { action: 'dead', reason: 'held' };
  }
  const left = policy.lifetimeMs - ageMs;
  if (left <= 0) return { action: 'dead', reason: 'expired' };
  const wanted = Math.max(backoffMs(policy, attempts, random), retryAfterMs ?? 0);
  // The last attempt is at the end of the lifetime, not somewhere before it.
  const delayMs = Math.min(wanted, Math.max(left, policy.minBackoffMs));
  return { action: 'defer', delayMs };
}

/** Exponential with full jitter: anywhere between the shortest wait and `min × 2^attempts`, capped. */
export function backoffMs(
  { minBackoffMs, maxBackoffMs }: Pick<RetryPolicy, 'minBackoffMs' | 'maxBackoffMs'>,
  attempts: number,
  random: number,
): number {
  const ceiling = Math.min(maxBackoffMs, minBackoffMs * 2 ** Math.min(attempts, 52));
  return Math.floor(minBackoffMs + random * (ceiling - minBackoffMs));
}

/** Whether a failure says nothing about the mail: it waits for the transport, and no attempt counts. */
export function isTransportDown(error: MailError): boolean {
  if (error.code === 'MAIL_SHUTDOWN') return true;
  return (
    error instanceof MailDeliveryError &&
    error.fault === 'transport' &&
    error.disposition === 'retry'
  );
}
