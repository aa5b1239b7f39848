import { isoTime, type Clock } from '../base/clock.js';
import { MailDeliveryError, MailError, type RejectedRecipient } from '../base/errors.js';
import type { EventBus } from '../events/event-bus.js';
import { aboutMail } from '../message/about-mail.js';
import type { Mail } from '../message/mail.js';
import type { DeliverOptions, MailDelivery, MailHop, MailTransport } from './transport.js';

export interface AttemptContext {
  readonly transport: MailTransport;
  readonly events: EventBus;
  readonly clock: Clock;
  /** Name of the module instance. */
  readonly mailer?: string;
  /** Which attempt at this mail it is. Default 1. */
  readonly attempt?: number;
}

export interface AttemptResult {
  readonly delivery: MailDelivery;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
}

/** A way of its own for one mail. `onHop` where somebody wants to hear of hops. */
export type Deliver = (onHop?: (hop: MailHop) => void) => Promise<MailDelivery>;

/**
 * One attempt over one transport, told to those who listen: `attempt`, then `sent` or `attempt-failed`,
 * and `rejected` for recipients that were refused for good. Whether the mail is tried again is the
 * caller's to know, and `failed` the caller's to tell. `deliver` stands in for the transport's own way.
 * What tells stands in functions of its own: where nobody listens a mail pays for no closure.
 * @throws MailError
 */
export function attemptDelivery(
  context: AttemptContext,
  mail: Mail,
  options?: DeliverOptions,
  deliver?: Deliver,
): Promise<AttemptResult> {
  const { transport, events, clock } = context;
  // Now, while the text of this millisecond is at hand: the mail was just made.
  const startedAt = isoTime(clock.now());
  const from = clock.monotonic();
  const fail = (cause: unknown): never => {
    const error = asMailError(cause, transport.name);
    emitAttemptFailed(context, mail, error, clock.monotonic() - from);
    throw error;
  };
  const succeed = (delivery: MailDelivery): AttemptResult => {
    const durationMs = clock.monotonic() - from;
    if (events.hears('sent')) emitSent(context, mail, delivery, durationMs);
    const { transport, rejected } = delivery;
    if (rejected.length > 0) emitRejected(context, mail, transport, rejected);
    return { delivery, startedAt, durationMs };
  };
  if (events.hears('attempt')) emitAttempt(context, mail);
  const heard = events.hears('hop') ? withHopEvents(context, mail, options) : options;
  let delivered: Promise<MailDelivery>;
  try {
    // A transport of the user's own may return anything that can be awaited.
    delivered = Promise.resolve(deliver?.(heard?.onHop) ?? transport.deliver(mail, heard));
  } catch (cause) {
    delivered = Promise.reject(cause);
  }
  return delivered.then(succeed, fail);
}

function about(
  { clock, mailer, attempt = 1 }: AttemptContext,
  mail: Mail,
  recipients?: readonly string[],
) {
  return { at: clock.now(), mailer, ...aboutMail(mail, attempt, recipients) };
}

function emitAttempt(context: AttemptContext, mail: Mail): void {
  const { events } = context;
  const transport = context.transport.name;
  events.emit('attempt', () => ({ type: 'attempt', ...about(context, mail), transport }));
}

function withHopEvents(
  context: AttemptContext,
  mail: Mail,
  options?: DeliverOptions,
): DeliverOptions {
  const onHop = ({ transport, outcome, durationMs, response, error }: MailHop): void => {
    const hop = { transport, outcome, durationMs, response, error };
    context.events.emit('hop', () => ({ type: 'hop', ...about(context, mail), ...hop }));
  };
  return { ...options, onHop };
}

function emitSent(
  context: AttemptContext,
  mail: Mail,
  { transport, accepted, response, remoteId }: MailDelivery,
  durationMs: number,
): void {
  const delivered = { transport, accepted, response, remoteId, durationMs };
  context.events.emit('sent', () => {
    return { type: 'sent', ...about(context, mail, accepted), ...delivered };
  });
}

/** Only what is final: a recipient that may be tried again is not refused yet. */
function emitRejected(
  context: AttemptContext,
  mail: Mail,
  transport: string,
  refused: readonly RejectedRecipient[],
): void {
  const rejected = refused.filter(({ disposition }) => disposition === 'permanent');
  if (rejected.length === 0) return;
  context.events.emit('rejected', () => {
    const recipients = rejected.map(({ address }) => address);
    return { type: 'rejected', ...about(context, mail, recipients), transport, rejected };
  });
}

function emitAttemptFailed(
  context: AttemptContext,
  mail: Mail,
  error: MailError,
  durationMs: number,
): void {
  const { name } = context.transport;
  const transport = (error instanceof MailDeliveryError ? error.transport : undefined) ?? name;
  const failed = { transport, error, durationMs };
  context.events.emit('attempt-failed', () => {
    return { type: 'attempt-failed', ...about(context, mail), ...failed };
  });
  if (error instanceof MailDeliveryError && error.rejected.length > 0) {
    emitRejected(context, mail, transport, error.rejected);
  }
}

/** A transport of the user's own may throw anything; we cannot know what that did to the mail. */
export function asMailError(cause: unknown, transport: string): MailError {
  if (cause instanceof MailError) return cause;
  return new MailDeliveryError({
    code: 'MAIL_PROTOCOL',
    disposition: 'unknown',
    fault: 'transport',
    stage: 'reply',
    message: `The transport ${transport} failed with an error that is no MailError: ${cause instanceof Error ? cause.message : String(cause)}`,
    transport,
    cause,
  });
}
