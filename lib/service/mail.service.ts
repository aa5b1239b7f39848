import type { Observable } from 'rxjs';
import { sendInBulk, type MailBulkOutcome, type SendBulkOptions } from './bulk-send.js';
import type { Clock } from '../base/clock.js';
import { drainEverything } from './drain.js';
import { MailError, MailRelayError, MailShutdownError } from '../base/errors.js';
import type { EventBus } from '../events/event-bus.js';
import type {
  MailDrainSummary,
  MailEvent,
  MailFailureSummary,
  MailFeedback,
} from '../events/mail-events.js';
import { InFlight } from './in-flight.js';
import type { MailHealth, MailOutcome, MailReceipt } from './mail.receipt.js';
import type { MailBulkMessage, MailBulkRecipient } from '../message/bulk.js';
import { loadContent, needsContent, type ContentAllowance } from '../message/content/content.js';
import { createMail } from '../message/create-mail.js';
import { aboutMail } from '../message/about-mail.js';
import { asReadFault, reading } from '../message/read/reading.js';
import type { Mail } from '../message/mail.js';
import type { MailMessage, MailMessageFields } from '../message/message.js';
import { failureOf } from '../relay/job.js';
import { RelayEnqueuer } from '../relay/relay-enqueuer.js';
import type { MailRelay } from '../relay/relay.js';
import type { RelaySetup } from '../relay/relay-definition.js';
import { RelayWorker } from '../relay/worker/worker.js';
import { readSendOptions, type SendOptions } from './send-options.js';
import { sendMany, type MailSource } from './send-many.js';
import { isThenable } from '../base/thenable.js';
import { attemptDelivery, type AttemptResult, type Deliver } from '../transports/attempt.js';
import { addressesOf, refusalSummary } from '../transports/refusal-summary.js';
import { capacityOf, type MailTransport } from '../transports/transport.js';

export type { SendOptions };

export interface SendManyOptions {
  /** Messages under way at once. Default: 500 with a relay, else what the transport can carry. Minimum 1. */
  readonly concurrency?: number;
  /** Options of each `send`. */
  readonly options?: (message: MailMessage, index: number) => SendOptions;
}

/** What there is to ask of a relay, and to do with its dead mail. */
export type MailRelayAdmin = Pick<
  MailRelay,
  'name' | 'list' | 'show' | 'retry' | 'discard' | 'stats'
>;

/** A message that is ready to be checked. */
export interface PreparedMessage {
  readonly message: MailMessage;
  /** The template that it was filled from. */
  readonly template?: string;
}

/** What a MailService is made of; the module puts it together. */
export interface MailServiceParts {
  readonly name?: string;
  readonly transport: MailTransport;
  readonly relay?: RelaySetup;
  readonly defaults?: Partial<MailMessageFields>;
  readonly content?: ContentAllowance;
  /** What happens to a message before it is checked: templates are filled, interceptors called. */
  readonly prepare?: (message: MailMessage) => PreparedMessage | Promise<PreparedMessage>;
  /** What happens to a mail once it is made. */
  readonly redirect?: (mail: Mail) => Mail;
  readonly maxMessageBytes?: number;
  readonly events: EventBus;
  readonly clock: Clock;
}

const RELAY_BATCH = 500;
/** An id that no mail has: looking for it asks the storage for one look-up. */
const NO_MAIL = '00000000-0000-7000-8000-000000000000';

/** The one door: takes messages, answers receipts. Inject it by its class or with `@InjectMail(name)`. */
export class MailService {
  /** Private to the engine: options and transports are in it, and nothing that looks at a service may show them. */
  readonly #parts: MailServiceParts;
  private readonly inFlight: InFlight;
  private readonly door?: RelayEnqueuer;
  private readonly worker?: RelayWorker;
  private readonly loading = new AbortController();
  private drained?: Promise<MailDrainSummary>;

  constructor(parts: MailServiceParts) {
    this.#parts = parts;
    const { name: mailer, relay: setup, transport, events, clock } = parts;
    this.inFlight = new InFlight(clock);
    if (!setup) return;
    const { relay, options } = setup;
    this.door = new RelayEnqueuer({ relay, events, clock, mailer });
    if (options.role === 'producer') return;
    this.worker = new RelayWorker({ relay, transport, options, events, clock, mailer });
  }

  /** The relay, to look into it and to retry or discard dead mail; undefined without one. */
  get relay(): MailRelayAdmin | undefined {
    return this.#parts.relay?.relay;
  }

  /** The module instance's name; absent for the default one. */
  get name(): string | undefined {
    return this.#parts.name;
  }

  /** Everything that happens to mail, typed by `type`. Completes after `drained`. */
  get events$(): Observable<MailEvent> {
    return this.#parts.events.events$;
  }

  /**
   * Sends one message. Without a relay it resolves once the next hop has taken responsibility for it;
   * with one, once the mail is on stable storage, with the status `queued`.
   * @throws MailValidationError before anything is sent or stored, with every fault of the message.
   * @throws MailRelayError when the relay could not store it, or did not say so in time.
   * @throws MailDeliveryError without a relay, when no recipient was accepted; `disposition` says more.
   * @throws MailShutdownError once the module drains.
   */
  send(message: MailMessage, options: SendOptions = {}): Promise<MailReceipt> {
    const { door } = this;
    return door ? this.store(door, message, options) : this.sendNow(message, options);
  }

  private async store(
    door: RelayEnqueuer,
    message: MailMessage,
    options: SendOptions,
  ): Promise<MailReceipt> {
    if (this.drained) throw new MailShutdownError();
    const checked = readSendOptions(options, true);
    return this.inFlight.run(
      async (identify) => {
        const mail = await this.mailOf(message, checked);
        identify(mail);
        return this.stored(door, mail, checked);
      },
      { counts: false },
    );
  }

  private async stored(
    door: RelayEnqueuer,
    mail: Mail,
    options: SendOptions,
  ): Promise<MailReceipt> {
    try {
      return await door.store(mail, options);
    } catch (error) {
      if (error instanceof MailError) {
        this.tellFailed(mail, 0, failureOf(error, this.#parts.clock.now()));
      }
      throw error;
    }
  }

  /** Sends straight through the transport, past the relay. Same promises as `send` without one. */
  sendNow(message: MailMessage, options: SendOptions = {}): Promise<MailReceipt> {
    // Every mail comes this way: an async function more would cost it as much as its commands do.
    let checked: SendOptions;
    try {
      if (this.drained) throw new MailShutdownError();
      checked = readSendOptions(options, false);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.inFlight.run((identify) => {
      const send = (mail: Mail): Promise<MailReceipt> => {
        identify(mail);
        return this.attempt(mail, checked);
      };
      const made = this.mailOf(message, checked);
      return made instanceof Promise ? made.then(send) : send(made);
    });
  }

  /**
   * Sends what `source` gives, one `send` for each, and answers an outcome for each as it settles. It
   * starts when it is subscribed to, pulls a message only when there is room for it, and keeps none:
   * a source of millions needs no more memory than one of hundreds. (An Observable source cannot be
   * told to wait; it is buffered.) It fails when the source does, and with MailShutdownError once the
   * module drains.
   */
  sendMany(source: MailSource, options: SendManyOptions = {}): Observable<MailOutcome> {
    const capacity = this.door ? RELAY_BATCH : capacityOf(this.#parts.transport);
    const { concurrency = capacity, options: optionsOf } = options;
    const send = (message: MailMessage, index: number) =>
      this.send(message, optionsOf?.(message, index));
    return sendMany(source, send, Math.max(1, concurrency));
  }

  /**
   * One message for many, each with a mail of their own: over a Web API in as few requests as its
   * limits allow, else one by one with `concurrency` in flight. Begins when it is subscribed to, and
   * takes recipients only as fast as they are sent. Each recipient's outcome comes as it settles; the
   * Observable fails with a MailValidationError where the message itself is bad, and with a
   * MailShutdownError once the module drains. Nothing was sent to recipients without an outcome.
   */
  sendBulk<R extends MailBulkRecipient>(
    message: MailBulkMessage,
    recipients: Iterable<R> | AsyncIterable<R>,
    options: SendBulkOptions = {},
  ): Observable<MailBulkOutcome<R>> {
    const { clock, transport, redirect } = this.#parts;
    const host = {
      clock,
      // A relay stores each mail by itself, and whom one is redirected to shows only in a mail of its own.
      transport: this.door || redirect ? undefined : transport.bulk,
      draining: () => this.drained !== undefined,
      mailOf: (one: MailMessage, signal: AbortSignal) => this.mailOf(one, { signal }, true),
      send: (given: Mail, signal: AbortSignal, deliver?: Deliver) =>
        this.inFlight.run(
          (identify) => {
            const mail = redirect ? redirect(given) : given;
            identify(mail);
            return this.door
              ? this.stored(this.door, mail, { signal })
              : this.attempt(mail, { signal }, deliver);
          },
          { counts: !this.door },
        ),
    };
    return sendInBulk(host, message, recipients, options);
  }

  /**
   * The mail that `send` would send, with defaults and envelope; nothing is sent.
   * @throws MailValidationError
   */
  async render(message: MailMessage): Promise<Mail> {
    return this.mailOf(message, {});
  }

  /**
   * Asks each transport whether it would take mail now: connects and authenticates, sends nothing. With a
   * relay it asks the storage, too, whether it can be read.
   */
  async verify(options: Pick<SendOptions, 'signal'> = {}): Promise<readonly MailHealth[]> {
    if (this.drained) throw new MailShutdownError();
    const { transport: root, relay: setup } = this.#parts;
    const asked = transportsOf(root).map((transport) =>
      this.healthOf({ transport: transport.name }, () => transport.verify(options)),
    );
    if (setup) {
      const { relay } = setup;
      asked.push(this.healthOf({ relay: relay.name }, () => relay.show(NO_MAIL)));
    }
    return Promise.all(asked);
  }

  private async healthOf(
    what: { readonly transport: string } | { readonly relay: string },
    ask: () => Promise<unknown>,
  ): Promise<MailHealth> {
    const { clock } = this.#parts;
    const from = clock.monotonic();
    let error: Error | undefined;
    try {
      await ask();
    } catch (reason) {
      error = reason instanceof Error ? reason : new Error(String(reason));
    }
    const durationMs = clock.monotonic() - from;
    return { ...what, ok: error === undefined, durationMs, ...(error && { error }) };
  }

  /** Tells what a provider's webhook said, in `events$`. The webhooks module calls it. */
  reportFeedback(feedback: MailFeedback): void {
    const { events, clock, name: mailer } = this.#parts;
    events.emit('feedback', () => ({ type: 'feedback', at: clock.now(), mailer, ...feedback }));
  }

  /**
   * Loads the transport's code, opens the relay and starts its worker. The module calls it once the app is up.
   * @throws MailRelayError when storage is down now; the worker is started nevertheless and finds it
   * when it comes back.
   * @throws MailConfigurationError
   * @throws MailDeliveryError (`MAIL_LOAD`) where a transport's code is not there.
   */
  async start(): Promise<void> {
    await this.#parts.transport.preload?.();
    const [opened] = await Promise.allSettled([this.#parts.relay?.relay.open()]);
    const fault: unknown = opened.status === 'rejected' ? opened.reason : undefined;
    // A worker keeps asking for a storage that is down now, and not for one that is refused.
    const asks = fault === undefined || fault instanceof MailRelayError;
    if (asks && !this.drained) await this.worker?.start();
    if (opened.status === 'rejected') throw fault;
  }

  /**
   * Refuses new mail, gives what is in flight `timeoutMs` milliseconds to finish, aborts and names the
   * rest, closes every connection, then the relay: what it still holds stays there. The module calls it
   * on shutdown. A second call answers the first's.
   */
  drain(timeoutMs: number): Promise<MailDrainSummary> {
    this.drained ??= this.settleEverything(timeoutMs);
    return this.drained;
  }

  private async settleEverything(timeoutMs: number): Promise<MailDrainSummary> {
    const { transport, relay, clock, events, name } = this.#parts;
    const { inFlight, worker, loading } = this;
    const driver = relay?.relay;
    const parts = { inFlight, worker, loading, transport, relay: driver, clock };
    const summary = await drainEverything(parts, timeoutMs);
    events.emit('drained', () => ({ type: 'drained', at: clock.now(), mailer: name, summary }));
    events.close();
    return summary;
  }

  /** What many share goes to nobody yet, so that there is nobody to redirect it from. */
  private mailOf(
    given: MailMessage,
    { sendAt, signal }: SendOptions,
    shared = false,
  ): Mail | Promise<Mail> {
    return reading(() => {
      const message = sendAt === undefined ? given : { ...given, sendAt };
      const prepared = this.#parts.prepare?.(message) ?? { message };
      const mail = isThenable(prepared)
        ? Promise.resolve(prepared).then((ready) => this.checked(ready, signal, shared))
        : this.checked(prepared, signal, shared);
      if (!(mail instanceof Promise)) return mail;
      return mail.catch((error: unknown) => {
        throw asReadFault(error);
      });
    });
  }

  /** Answers at once for all that the message carries itself; only `path` and `href` need a wait. */
  private checked(
    { message, template }: PreparedMessage,
    signal: AbortSignal | undefined,
    shared: boolean,
  ): Mail | Promise<Mail> {
    const { content, defaults, maxMessageBytes: maxBytes, clock, redirect } = this.#parts;
    const make = (complete: MailMessage): Mail => {
      const mail = createMail(complete, { defaults, maxBytes, clock, template });
      return redirect && !shared ? redirect(mail) : mail;
    };
    if (!content || !needsContent(message)) return make(message);
    const stop = signal ? AbortSignal.any([signal, this.loading.signal]) : this.loading.signal;
    return loadContent(message, content, stop).then(make);
  }

  private attempt(mail: Mail, { signal }: SendOptions, deliver?: Deliver): Promise<MailReceipt> {
    const { name: mailer, transport, events, clock } = this.#parts;
    const context = { transport, events, clock, mailer };
    const attempt = attemptDelivery(context, mail, { signal }, deliver);
    return attempt.then(
      (result) => {
        const { transport: by, rejected } = result.delivery;
        if (rejected.length > 0) {
          this.tellFailed(mail, 1, refusalSummary(by, rejected), addressesOf(rejected));
        }
        return receiptOf(mail, result);
      },
      // attemptDelivery throws nothing else.
      (error: unknown) => {
        this.tellFailed(mail, 1, failureOf(error as MailError, clock.now()));
        throw error;
      },
    );
  }

  /** Nobody tries again. */
  private tellFailed(
    mail: Mail,
    attempt: number,
    failure: MailFailureSummary,
    recipients?: readonly string[],
  ): void {
    const { events, clock, name: mailer } = this.#parts;
    events.emit('failed', () => ({
      type: 'failed',
      at: clock.now(),
      mailer,
      ...aboutMail(mail, attempt, recipients),
      failure,
    }));
  }
}

/** The transports that lead straight to a next hop. */
function transportsOf(transport: MailTransport): readonly MailTransport[] {
  return transport.transports?.flatMap(transportsOf) ?? [transport];
}

function receiptOf(mail: Mail, attempt: AttemptResult): MailReceipt {
  const { delivery, durationMs, startedAt } = attempt;
  const { transport, accepted, rejected, response, remoteId } = delivery;
  const { id, messageId } = mail;
  const partial = rejected.length > 0;
  const outcome = partial ? 'partial' : 'accepted';
  const hops = delivery.hops ?? [
    remoteId === undefined
      ? { transport, startedAt, durationMs, outcome, response }
      : { transport, startedAt, durationMs, outcome, response, remoteId },
  ];
  return { id, messageId, status: partial ? 'partial' : 'sent', accepted, rejected, hops };
}
