import { isoTime, type Clock } from '../base/clock.js';
import { MailDeliveryError, MailError, type RejectedRecipient } from '../base/errors.js';
import type { EventBus } from '../events/event-bus.js';
import type { Mail } from '../message/mail.js';
import type { DeliverOptions, MailDelivery, MailHop, MailTransport } from './transport.js';

export interface AttemptContext {
  readonly transport: MailTransport;
  readonly events: EventBus;
  readonly clock: Clock;
  /** Name of the module instance. */
  readonly mailer?: string;
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
 * One attempt over one road, told to those who listen: `attempt`, then `sent` or `failed`, and
 * `rejected` for recipients that were refused. `deliver` stands in for the transport's own way.
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
    tellFailed(context, mail, error, clock.monotonic() - from);
    throw error;
  };
  const succeed = (delivery: MailDelivery): AttemptResult => {
    const durationMs = clock.monotonic() - from;
    if (events.hears('sent')) tellSent(context, mail, delivery, durationMs);
    const { road, rejected } = delivery;
    if (rejected.length > 0) tellRejected(context, mail, road, rejected);
    return { delivery, startedAt, durationMs };
  };
  if (events.hears('attempt')) tellAttempt(context, mail);
  const heard = events.hears('hop') ? hopTeller(context, mail, options) : options;
  let delivered: Promise<MailDelivery>;
  try {
    // A transport of the user's own may answer anything that can be awaited.
    delivered = Promise.resolve(deliver?.(heard?.onHop) ?? transport.deliver(mail, heard));
  } catch (cause) {
    delivered = Promise.reject(cause);
  }
  return delivered.then(succeed, fail);
}

function about({ clock, mailer }: AttemptContext, { id, messageId }: Mail) {
  return { at: clock.now(), mailer, id, messageId };
}

function tellAttempt(context: AttemptContext, mail: Mail): void {
  const { events, transport } = context;
  const { name: road } = transport;
  events.emit('attempt', () => ({ type: 'attempt', ...about(context, mail), road }));
}

function hopTeller(context: AttemptContext, mail: Mail, options?: DeliverOptions): DeliverOptions {
  const onHop = ({ road, outcome, durationMs, response, error }: MailHop): void => {
    const hop = { road, outcome, durationMs, response, error };
    context.events.emit('hop', () => ({ type: 'hop', ...about(context, mail), ...hop }));
  };
  return { ...options, onHop };
}

function tellSent(
  context: AttemptContext,
  mail: Mail,
  { road, accepted, response, remoteId }: MailDelivery,
  durationMs: number,
): void {
  const delivered = { road, accepted, response, remoteId, durationMs };
  context.events.emit('sent', () => ({ type: 'sent', ...about(context, mail), ...delivered }));
}

function tellRejected(
  context: AttemptContext,
  mail: Mail,
  road: string,
  rejected: readonly RejectedRecipient[],
): void {
  const told = { road, rejected };
  context.events.emit('rejected', () => ({ type: 'rejected', ...about(context, mail), ...told }));
}

function tellFailed(
  context: AttemptContext,
  mail: Mail,
  error: MailError,
  durationMs: number,
): void {
  const { name } = context.transport;
  const road = (error instanceof MailDeliveryError ? error.road : undefined) ?? name;
  if (error instanceof MailDeliveryError && error.rejected.length > 0) {
    tellRejected(context, mail, road, error.rejected);
  }
  const failed = { road, error, durationMs };
  context.events.emit('failed', () => ({ type: 'failed', ...about(context, mail), ...failed }));
}

/** A road of the user's own may throw anything; we cannot know what that did to the mail. */
export function asMailError(cause: unknown, road: string): MailError {
  if (cause instanceof MailError) return cause;
  return new MailDeliveryError({
    code: 'MAIL_PROTOCOL',
    disposition: 'unknown',
    fault: 'road',
    stage: 'reply',
    message: `The transport ${road} failed with an error that is no MailError: ${cause instanceof Error ? cause.message : String(cause)}`,
    road,
    cause,
  });
}
