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
   * What to do when the reply was lost after the content was complete, so that the mail may have been
   * accepted (RFC 1047). `hold` sets it aside as dead (`held`) until somebody decides. `once`, the
   * default, sends it one more time with the same Message-ID after 300,000 ms (5 minutes), then holds
   * it. `{ attempts, afterMs }` says how many more times (minimum 0) and after how long each (minimum
   * 1,000). Where the next hop recognises the mail (`safeRetryUntil`) there is one attempt more, within
   * that time and after `minBackoffMs` to twice as long; never with `hold`.
   */
  readonly onUnknown?: 'hold' | 'once' | UnknownPolicy;
}

export interface UnknownPolicy {
  readonly attempts: number;
  /** In milliseconds. */
  readonly afterMs: number;
}

/** The same after checking. */
export interface RetryPolicy extends Required<Omit<RetryOptions, 'onUnknown'>> {
  readonly onUnknown: UnknownPolicy;
}

const ONCE: UnknownPolicy = { attempts: 1, afterMs: 300_000 };

export const RETRY_DEFAULTS: RetryPolicy = {
  minBackoffMs: 10_000,
  maxBackoffMs: 3_600_000,
  lifetimeMs: 259_200_000,
  onUnknown: ONCE,
};

/** A shorter wait is none: the next hop may still be writing down what it took. */
const MIN_UNKNOWN_WAIT_MS = 1_000;

/** Reads the option `retry`. @throws MailConfigurationError */
export function readRetryPolicy(options: OptionReader): RetryPolicy {
  const reader = options.nested('retry', Object.keys(RETRY_DEFAULTS));
  const { minBackoffMs, maxBackoffMs, lifetimeMs } = RETRY_DEFAULTS;
  const min = reader.integer('minBackoffMs', minBackoffMs, { min: 1 });
  return {
    minBackoffMs: min,
    maxBackoffMs: reader.integer('maxBackoffMs', Math.max(min, maxBackoffMs), { min }),
    lifetimeMs: reader.integer('lifetimeMs', lifetimeMs, { min: 0 }),
    onUnknown: readUnknownPolicy(reader),
  };
}

function readUnknownPolicy(reader: OptionReader): UnknownPolicy {
  const given = reader.raw('onUnknown');
  if (given === undefined || given === 'once') return ONCE;
  if (given === 'hold') return { ...ONCE, attempts: 0 };
  const expected = "'hold', 'once' or { attempts, afterMs }";
  if (given === 'retry') {
    // What 0.1.0 had: without bound, a next hop whose replies are lost got a mail for three days.
    reader.fail('onUnknown', `${expected}: how often to send again is bounded now`, "'retry'");
  }
  if (typeof given !== 'object') reader.fail('onUnknown', expected);
  const own = reader.nested('onUnknown', Object.keys(ONCE));
  return {
    attempts: own.integer('attempts', ONCE.attempts, { min: 0 }),
    afterMs: own.integer('afterMs', ONCE.afterMs, { min: MIN_UNKNOWN_WAIT_MS }),
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
  /** How many of them may have been accepted, this one included. */
  readonly unknowns: number;
  /** With `unknown`: milliseconds for which the next hop recognises the mail, so that it is not there twice. */
  readonly safeRetryMs?: number;
  /** Milliseconds since the mail's lifetime began. */
  readonly ageMs: number;
  /** From 0 up to but not including 1. */
  readonly random: number;
}

/** Decides on a fault of the message; pure. */
export function decide(policy: RetryPolicy, question: RetryQuestion): RetryDecision {
  const { disposition, retryAfterMs, attempts, unknowns, ageMs, random } = question;
  if (disposition === 'permanent') return { action: 'dead', reason: 'permanent' };
  const left = policy.lifetimeMs - ageMs;
  if (disposition === 'unknown') {
    const { attempts: more, afterMs } = policy.onUnknown;
    const asked = retryAfterMs ?? 0;
    const safeDelayMs = Math.max(backoffMs(policy, 1, random), asked);
    const safe = more > 0 && safeDelayMs < (question.safeRetryMs ?? 0);
    // Whoever may have got it is not told that it expired.
    if (unknowns > (safe ? more + 1 : more) || left <= 0) return { action: 'dead', reason: 'held' };
    // A next hop that recognises the mail needs no time to write down what it took.
    return { action: 'defer', delayMs: safe ? safeDelayMs : Math.max(afterMs, asked) };
  }
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
