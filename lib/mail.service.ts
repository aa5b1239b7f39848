import type { Observable } from 'rxjs';
import { fulfilledWithin, type Clock } from './clock.js';
import { MailDeliveryError, MailError, MailShutdownError, type MailDisposition } from './errors.js';
import type { EventBus } from './events/event-bus.js';
import type { MailDrainSummary, MailEvent } from './events/mail-events.js';
import { InFlight } from './in-flight.js';
import type { MailHealth, MailReceipt } from './mail.receipt.js';
import { loadContent, needsContent, type ContentAllowance } from './message/content.js';
import { createMail } from './message/create-mail.js';
import type { Mail } from './message/mail.js';
import type { MailMessage, MailMessageFields } from './message/message.js';
import { isThenable } from './thenable.js';
import type { MailDelivery, MailTransport } from './transports/transport.js';

export interface SendOptions {
  /** Stops the attempt: its connection or request is torn down if need be. */
  readonly signal?: AbortSignal;
}

/** What a MailService is made of; the module puts it together. */
export interface MailServiceParts {
  readonly name?: string;
  readonly transport: MailTransport;
  readonly defaults?: Partial<MailMessageFields>;
  readonly content?: ContentAllowance;
  /** What happens to a message before it is checked: templates are filled, interceptors called. */
  readonly prepare?: (message: MailMessage) => MailMessage | Promise<MailMessage>;
  /** What happens to a mail once it is made. */
  readonly redirect?: (mail: Mail) => Mail;
  readonly maxMessageBytes?: number;
  readonly events: EventBus;
  readonly clock: Clock;
}

/** After the deadline a road has this long to fail what it holds and close its sockets. */
const TEAR_DOWN_GRACE_MS = 500;

/** The one door: takes messages, answers receipts. Inject it by its class or with `@InjectMail(name)`. */
export class MailService {
  private readonly inFlight: InFlight;
  private readonly loading = new AbortController();
  private drained?: Promise<MailDrainSummary>;

  constructor(private readonly parts: MailServiceParts) {
    this.inFlight = new InFlight(parts.clock);
  }

  /** The module instance's name; absent for the default one. */
  get name(): string | undefined {
    return this.parts.name;
  }

  /** Everything that happens to mail, typed by `type`. Completes after `drained`. */
  get events$(): Observable<MailEvent> {
    return this.parts.events.events$;
  }

  /**
   * Sends one message and resolves once the next hop has taken responsibility for it.
   * @throws MailValidationError before anything is sent, with every fault of the message.
   * @throws MailDeliveryError when no recipient was accepted; `disposition` says what that means.
   * @throws MailShutdownError once the module drains.
   */
  async send(message: MailMessage, options: SendOptions = {}): Promise<MailReceipt> {
    if (this.drained) throw new MailShutdownError();
    return this.inFlight.run(async (identify) => {
      const mail = await this.mailOf(message, options.signal);
      identify(mail);
      return this.attempt(mail, options.signal);
    });
  }

  /** Sends straight through the transport, past any queue. Same promises as `send` without one. */
  sendNow(message: MailMessage, options: SendOptions = {}): Promise<MailReceipt> {
    return this.send(message, options);
  }

  /**
   * The mail that `send` would send, with defaults and envelope; nothing is sent.
   * @throws MailValidationError
   */
  async render(message: MailMessage): Promise<Mail> {
    return this.mailOf(message);
  }

  /** Asks each road whether it would take mail now: connects and authenticates, sends nothing. */
  async verify(options: SendOptions = {}): Promise<readonly MailHealth[]> {
    if (this.drained) throw new MailShutdownError();
    const { transport, clock } = this.parts;
    const from = clock.monotonic();
    const health = (error?: Error): readonly MailHealth[] => [
      {
        road: transport.name,
        ok: error === undefined,
        durationMs: clock.monotonic() - from,
        ...(error && { error }),
      },
    ];
    return transport.verify(options).then(
      () => health(),
      (error: unknown) => health(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /**
   * Refuses new mail, gives what is in flight `timeoutMs` milliseconds to finish, aborts and names the
   * rest, closes every connection. The module calls it on shutdown. A second call answers the first's.
   */
  drain(timeoutMs: number): Promise<MailDrainSummary> {
    this.drained ??= this.settleEverything(timeoutMs);
    return this.drained;
  }

  private async settleEverything(timeoutMs: number): Promise<MailDrainSummary> {
    const { transport, clock, events, name } = this.parts;
    const from = clock.monotonic();
    const remaining = () => Math.max(0, timeoutMs - (clock.monotonic() - from));
    const deadline = new MailShutdownError(
      `The drain deadline of ${timeoutMs} ms passed; the mail in flight was aborted.`,
    );
    this.inFlight.resetCount();
    const idle = await this.inFlight.whenIdle(timeoutMs);
    const abandoned = idle
      ? []
      : await this.inFlight.abandon(() => {
          this.loading.abort(deadline);
          return transport.destroy(deadline);
        }, TEAR_DOWN_GRACE_MS);
    if (idle) await this.closeWithin(remaining() + TEAR_DOWN_GRACE_MS, deadline);
    const summary: MailDrainSummary = {
      ...this.inFlight.count,
      released: 0,
      abandoned: abandoned.map(({ mail, disposition }) => ({
        id: mail.id,
        messageId: mail.messageId,
        recipients: mail.envelope.to,
        disposition,
      })),
      durationMs: clock.monotonic() - from,
    };
    events.emit('drained', () => ({ type: 'drained', at: clock.now(), mailer: name, summary }));
    events.close();
    return summary;
  }

  /** Closes politely (QUIT), or for good when the next hop does not let go in time. */
  private async closeWithin(ms: number, reason: Error): Promise<void> {
    const { transport, clock } = this.parts;
    // A road that cannot even close politely is torn down like one that is late.
    const closed = await fulfilledWithin(clock, ms, transport.close());
    if (!closed) await fulfilledWithin(clock, TEAR_DOWN_GRACE_MS, transport.destroy(reason));
  }

  private mailOf(message: MailMessage, signal?: AbortSignal): Mail | Promise<Mail> {
    const prepared = this.parts.prepare?.(message) ?? message;
    return isThenable(prepared)
      ? prepared.then((ready) => this.checked(ready, signal))
      : this.checked(prepared, signal);
  }

  /** Answers at once for all that the message carries itself; only `path` and `href` need a wait. */
  private checked(message: MailMessage, signal?: AbortSignal): Mail | Promise<Mail> {
    const { content, defaults, maxMessageBytes: maxBytes, clock, redirect } = this.parts;
    const make = (complete: MailMessage): Mail => {
      const mail = createMail(complete, { defaults, maxBytes, clock });
      return redirect ? redirect(mail) : mail;
    };
    if (!content || !needsContent(message)) return make(message);
    const stop = signal ? AbortSignal.any([signal, this.loading.signal]) : this.loading.signal;
    return loadContent(message, content, stop).then(make);
  }

  private async attempt(mail: Mail, signal?: AbortSignal): Promise<MailReceipt> {
    const { transport, events, clock, name: mailer } = this.parts;
    const { id, messageId } = mail;
    const about = () => ({ at: clock.now(), mailer, id, messageId });
    const startedAt = clock.now();
    const from = clock.monotonic();
    events.emit('attempt', () => ({ type: 'attempt', ...about(), road: transport.name }));
    try {
      const delivery = await transport.deliver(mail, signal && { signal });
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
      return receiptOf(mail, delivery, new Date(startedAt).toISOString(), durationMs);
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
}

function receiptOf(
  mail: Mail,
  delivery: MailDelivery,
  startedAt: string,
  durationMs: number,
): MailReceipt {
  const { road, accepted, rejected, response, remoteId } = delivery;
  const partial = rejected.length > 0;
  const hops = delivery.hops ?? [
    {
      road,
      startedAt,
      durationMs,
      outcome: partial ? ('partial' as const) : ('accepted' as const),
      response,
      ...(remoteId !== undefined && { remoteId }),
    },
  ];
  const { id, messageId } = mail;
  return { id, messageId, status: partial ? 'partial' : 'sent', accepted, rejected, hops };
}

/** A road of the user's own may throw anything; we cannot know what that did to the mail. */
function asMailError(cause: unknown, road: string): MailError {
  if (cause instanceof MailError) return cause;
  const disposition: MailDisposition = 'unknown';
  return new MailDeliveryError({
    code: 'MAIL_PROTOCOL',
    disposition,
    fault: 'road',
    stage: 'reply',
    message: `The transport ${road} failed with an error that is no MailError: ${cause instanceof Error ? cause.message : String(cause)}`,
    road,
    cause,
  });
}
