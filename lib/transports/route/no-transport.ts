import { MailDeliveryError, MailError } from '../../base/errors.js';
import { isUnknown } from './faults.js';
import type { RouteMember } from './route-member.js';

interface Outcome {
  readonly name: string;
  /** Where the mail might have gone. */
  readonly members: readonly RouteMember[];
  /** What its attempts failed with, in their order. */
  readonly failures: ReadonlyMap<RouteMember, unknown>;
  /** The transports that it was kept from. */
  readonly shut: readonly RouteMember[];
}

/**
 * The error of a mail that no transport took. It says what the attempts mean together: `unknown` when an attempt was, `permanent` when every transport was
 * asked and none can ever carry it, else `retry`.
 */
export function noTransport({ name, members, failures: failed, shut }: Outcome): MailDeliveryError {
  const failures = [...failed.values()];
  const errors = [...failures, ...shut.map(({ breaker }) => breaker.lastError)];
  const disposition = failures.some(isUnknown)
    ? 'unknown'
    : shut.length === 0 && failures.every(isPermanent)
      ? 'permanent'
      : 'retry';
  // The first one that decides: the transports are in order of preference.
  const model = errors.find(
    (error): error is MailDeliveryError =>
      error instanceof MailDeliveryError && error.disposition === disposition,
  );
  // Until one of them takes mail again: a server may ask for a wait without its breaker being open.
  const waits = members.map((member) =>
    Math.max(member.breaker.waitMs, askedMs(failed.get(member))),
  );
  const wait = Math.ceil(Math.min(...waits));
  // Two that may each have taken it keep two ids.
  const open = failures.filter(isUnknown);
  const safe = open.length === 1 && open[0] === model ? model?.safeRetryUntil : undefined;
  const words = errors.map((error) => (error instanceof Error ? error.message : 'not known why'));
  return new MailDeliveryError({
    code: model?.code ?? 'MAIL_SERVICE',
    disposition,
    fault: disposition === 'permanent' ? 'message' : 'transport',
    stage: model?.stage ?? 'queue',
    message:
      failures.length > 0
        ? `No transport took the mail. ${words.join('; ')}`
        : `Every transport is down; the next trial is due in ${wait} ms. ${words.join('; ')}`,
    transport: name,
    smtpCode: model?.smtpCode,
    enhancedCode: model?.enhancedCode,
    httpStatus: model?.httpStatus,
    response: model?.response,
    ...(wait > 0 && { retryAfterMs: wait }),
    safeRetryUntil: safe,
    cause: errors.length === 1 ? errors[0] : new AggregateError(errors, 'every transport failed'),
  });
}

function askedMs(error: unknown): number {
  return (error instanceof MailDeliveryError ? error.retryAfterMs : undefined) ?? 0;
}

function isPermanent(error: unknown): boolean {
  return error instanceof MailError && error.disposition === 'permanent';
}
