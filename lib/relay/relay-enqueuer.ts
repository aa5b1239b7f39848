import type { Clock } from '../base/clock.js';
import {
  abortedError,
  type MailDeliveryError,
  MailIdempotencyError,
  MailRelayError,
} from '../base/errors.js';
import type { EventBus } from '../events/event-bus.js';
import { aboutMail } from '../message/about-mail.js';
import type { Mail } from '../message/mail.js';
import { digestOf, tellsApart } from './digest.js';
import type { MailRelay, NewJob, RelayPriority } from './relay.js';

export interface StoreOptions {
  readonly signal?: AbortSignal;
  readonly idempotencyKey?: string;
  readonly priority?: RelayPriority;
}

/** The receipt of a mail that is stored. */
export interface QueuedReceipt {
  readonly id: string;
  readonly messageId: string;
  readonly status: 'queued';
  readonly accepted: readonly [];
  readonly rejected: readonly [];
  readonly hops: readonly [];
}

/** Takes mails into a relay, and says so only when they are on stable storage. */
export class RelayEnqueuer {
  constructor(
    private readonly parts: {
      readonly relay: MailRelay;
      readonly events: EventBus;
      readonly clock: Clock;
      readonly mailer?: string;
    },
  ) {}

  /** @throws MailRelayError, MailIdempotencyError */
  async store(mail: Mail, options: StoreOptions): Promise<QueuedReceipt> {
    const { relay, events, clock, mailer } = this.parts;
    const { signal, idempotencyKey, priority = 'normal' } = options;
    if (signal?.aborted) throw abortedBeforeStored(mail, signal.reason);
    const queuedAt = clock.now();
    // The relay holds the mail back itself, so that it goes over transports that cannot.
    const { sendAt, ...rest } = mail;
    const notBefore = sendAt === undefined ? undefined : Date.parse(sendAt);
    const job: NewJob = {
      mailer: mailer ?? '',
      mail: sendAt === undefined ? mail : Object.freeze(rest),
      queuedAt,
      ...(notBefore !== undefined && { notBefore }),
      priority,
      ...(idempotencyKey !== undefined && { idempotencyKey, digest: digestOf(mail) }),
    };
    const [outcome] = await relay.enqueue([job]);
    if (outcome?.status === 'duplicate') {
      const { id, messageId, digest } = outcome;
      if (tellsApart(digest, job.digest))
        throw new MailIdempotencyError(mail.id, { id, messageId });
      return queued(id, messageId);
    }
    if (outcome?.status !== 'stored') {
      throw outcome?.error ?? new MailRelayError('The relay returned nothing for the mail');
    }
    const { id, messageId } = mail;
    events.emit('queued', () => {
      return { type: 'queued', at: queuedAt, mailer, ...aboutMail(mail, 0), notBefore };
    });
    return queued(id, messageId);
  }
}

function queued(id: string, messageId: string): QueuedReceipt {
  return { id, messageId, status: 'queued', accepted: [], rejected: [], hops: [] };
}

function abortedBeforeStored({ id }: Mail, cause: unknown): MailDeliveryError {
  const message = `The caller aborted mail ${id} before it was stored`;
  return abortedError({ stage: 'queue', message, cause });
}
