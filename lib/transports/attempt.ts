import type { Clock } from '../clock.js';
import { MailDeliveryError, MailError } from '../errors.js';
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
  /** Wall-clock time in milliseconds since the Unix epoch. */
  readonly startedAt: number;
  readonly durationMs: number;
}

/**
 * One attempt over one road, told to those who listen: `attempt`, then `sent` or `failed`, and
 * `rejected` for recipients that were refused. `deliver` stands in for the transport's own way.
 * @throws MailError
 */
export async function attemptDelivery(
  { transport, events, clock, mailer }: AttemptContext,
  mail: Mail,
  options?: DeliverOptions,
  deliver?: () => Promise<MailDelivery>,
): Promise<AttemptResult> {
  const { id, messageId } = mail;
  const about = () => ({ at: clock.now(), mailer, id, messageId });
  const startedAt = clock.now();
  const from = clock.monotonic();
  events.emit('attempt', () => ({ type: 'attempt', ...about(), road: transport.name }));
  try {
    const onHop = ({ road, outcome, durationMs, response, error }: MailHop) => {
      const hop = { road, outcome, durationMs, response, error };
      events.emit('hop', () => ({ type: 'hop', ...about(), ...hop }));
    };
    const delivery = await (deliver?.() ?? transport.deliver(mail, { ...options, onHop }));
    const durationMs = clock.monotonic() - from;
    const { road, accepted, rejected, response, remoteId } = delivery;
    events.emit('sent', () => ({
      type: 'sent',
      ...about(),
      road,
      accepted,
      response,
      remoteId,
      durationMs,
    }));
    if (rejected.length > 0) {
      events.emit('rejected', () => ({ type: 'rejected', ...about(), road, rejected }));
    }
    return { delivery, startedAt, durationMs };
  } catch (cause) {
    const error = asMailError(cause, transport.name);
    const road = (error instanceof MailDeliveryError ? error.road : undefined) ?? transport.name;
    if (error instanceof MailDeliveryError && error.rejected.length > 0) {
      const { rejected } = error;
      events.emit('rejected', () => ({ type: 'rejected', ...about(), road, rejected }));
    }
    const durationMs = clock.monotonic() - from;
    events.emit('failed', () => ({ type: 'failed', ...about(), road, error, durationMs }));
    throw error;
  }
}

/** A road of the user's own may throw anything; we cannot know what that did to the mail. */
function asMailError(cause: unknown, road: string): MailError {
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
