import { setMaxListeners } from 'node:events';
import { Observable } from 'rxjs';
import type { Clock } from '../base/clock.js';
import { MailConfigurationError, MailError, MailShutdownError } from '../base/errors.js';
import type { MailReceipt } from './mail.receipt.js';
import {
  BULK_PLACEHOLDER,
  BulkMail,
  entryMail,
  refuseOtherRecipients,
  refuseRecipientFields,
  type MailBulkEntry,
  type MailBulkMessage,
  type MailBulkRecipient,
} from '../message/bulk.js';
import { reading } from '../message/read/reading.js';
import type { Mail } from '../message/mail.js';
import type { MailMessage } from '../message/message.js';
import { describe } from '../base/option-reader.js';
import type { Deliver } from '../transports/attempt.js';
import { singleMail } from '../transports/single-mail.js';
import type { MailBulkTransport, MailHop } from '../transports/transport.js';

export interface SendBulkOptions {
  /** Stops what is in flight and takes no further recipient. So does unsubscribing. */
  readonly signal?: AbortSignal;
  /** Mails in flight at most where they go one by one. Default 100, minimum 1. */
  readonly concurrency?: number;
}

/** How far a bulk has come: one recipient's outcome, and the count of all so far. */
export type MailBulkOutcome<R = MailBulkRecipient> = {
  /** The recipient's place in what was given, from 0. Outcomes come in the order in which they settle. */
  readonly index: number;
  readonly recipient: R;
  readonly progress: { readonly sent: number; readonly failed: number };
} & (
  | { readonly status: 'sent'; readonly receipt: MailReceipt }
  | { readonly status: 'failed'; readonly error: MailError }
);

/** What a bulk needs of the service. */
export interface BulkHost {
  readonly clock: Clock;
  readonly transport: MailBulkTransport | undefined;
  readonly draining: () => boolean;
  readonly mailOf: (message: MailMessage, signal: AbortSignal) => Mail | Promise<Mail>;
  /** One mail's attempt with its events; `deliver` in place of the transport's own way. */
  readonly send: (mail: Mail, signal: AbortSignal, deliver?: Deliver) => Promise<MailReceipt>;
}

const DEFAULT_CONCURRENCY = 100;
/** Requests under way: enough to hide the round trip, few enough to keep memory flat. */
const BATCHES_IN_FLIGHT = 4;

/** Lets so many in at once, first come first served. */
class Limit {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async enter(): Promise<void> {
    if (this.free === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.free -= 1;
  }

  leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  }
}

/**
 * Begins when it is subscribed to, and only once: a second subscription would send everything again.
 * @throws MailConfigurationError by `concurrency`
 */
export function sendInBulk<R extends MailBulkRecipient>(
  host: BulkHost,
  message: MailBulkMessage,
  recipients: Iterable<R> | AsyncIterable<R>,
  options: SendBulkOptions,
): Observable<MailBulkOutcome<R>> {
  const concurrency = options.concurrency ?? DEFAULT_CONCURRENCY;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    const got = describe(concurrency);
    throw new MailConfigurationError('concurrency', 'an integer of at least 1', got);
  }
  let begun = false;
  return new Observable((subscriber) => {
    if (begun) {
      subscriber.error(new Error('A bulk is sent once: share() it to subscribe more often'));
      return undefined;
    }
    begun = true;
    const stop = new AbortController();
    const { signal: given } = options;
    const signal = given ? AbortSignal.any([given, stop.signal]) : stop.signal;
    // Every mail in flight may listen to it.
    setMaxListeners(0, signal);
    const run = new BulkRun<R>(host, signal, concurrency, (outcome) => subscriber.next(outcome));
    run.all(message, recipients).then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
    return () => stop.abort(new Error('The bulk was unsubscribed from'));
  });
}

interface Part<R> {
  readonly index: number;
  readonly recipient: R;
  readonly entry: MailBulkEntry;
}

class BulkRun<R extends MailBulkRecipient> {
  private readonly progress = { sent: 0, failed: 0 };
  private readonly pending = new Set<Promise<void>>();
  private readonly gate: Limit;
  /** For what a route sends one by one out of its batches. */
  private readonly singles: Limit;

  constructor(
    private readonly host: BulkHost,
    private readonly signal: AbortSignal,
    concurrency: number,
    private readonly emit: (outcome: MailBulkOutcome<R>) => void,
  ) {
    this.gate = new Limit(host.transport ? BATCHES_IN_FLIGHT : concurrency);
    this.singles = new Limit(concurrency);
  }

  async all(message: MailBulkMessage, recipients: Iterable<R> | AsyncIterable<R>): Promise<void> {
    const { host } = this;
    const given = reading(() => {
      refuseRecipientFields(message);
      return { ...message, to: BULK_PLACEHOLDER };
    });
    const mail = await host.mailOf(given, this.signal);
    refuseOtherRecipients(mail);
    const bulk = new BulkMail(mail);
    const size = host.transport?.size ?? 1;
    let parts: Part<R>[] = [];
    let index = 0;
    try {
      for await (const recipient of recipients) {
        this.refuseWhenStopped();
        const part = this.partOf(bulk, recipient, index);
        index += 1;
        if (part) parts.push(part);
        if (parts.length < size) continue;
        await this.dispatch(bulk, parts);
        parts = [];
      }
      if (parts.length > 0) await this.dispatch(bulk, parts);
    } finally {
      // What is under way is told before the end is.
      await Promise.all(this.pending);
    }
    this.signal.throwIfAborted();
  }

  private refuseWhenStopped(): void {
    if (this.host.draining()) throw new MailShutdownError();
    this.signal.throwIfAborted();
  }

  private partOf(bulk: BulkMail, recipient: R, index: number): Part<R> | undefined {
    try {
      return { index, recipient, entry: bulk.entry(recipient, index, this.host.clock.now()) };
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      this.fail({ index, recipient }, error);
      return undefined;
    }
  }

  /** Waits for its turn, not for its end. */
  private async dispatch(bulk: BulkMail, parts: readonly Part<R>[]): Promise<void> {
    await this.gate.enter();
    this.refuseWhenStopped();
    const work = this.sendParts(bulk.shared, parts).finally(() => {
      this.pending.delete(work);
      this.gate.leave();
    });
    this.pending.add(work);
  }

  private async sendParts(shared: Mail, parts: readonly Part<R>[]): Promise<void> {
    const { host, signal } = this;
    const { transport } = host;
    if (!transport) {
      await Promise.all(parts.map((part) => this.settle(part, this.sendOne(shared, part.entry))));
      return;
    }
    const entries = parts.map(({ entry }) => entry);
    const hops = new Map<MailBulkEntry, (hop: MailHop) => void>();
    const outcomes = transport.deliver(shared, entries, {
      signal,
      limit: (send) => this.alone(send),
      onHop: (entry, hop) => hops.get(entry)?.(hop),
    });
    const sends = parts.map((part, place) => {
      const deliver: Deliver = async (onHop) => {
        if (onHop) hops.set(part.entry, onHop);
        const outcome = (await outcomes)[place];
        if (!outcome) throw new Error('it said nothing of the mail');
        if (outcome instanceof MailError) throw outcome;
        return outcome;
      };
      return this.settle(part, host.send(entryMail(shared, part.entry), signal, deliver));
    });
    await Promise.all(sends);
  }

  private async alone(send: () => Promise<void>): Promise<void> {
    await this.singles.enter();
    try {
      await send();
    } finally {
      this.singles.leave();
    }
  }

  private async sendOne(shared: Mail, entry: MailBulkEntry): Promise<MailReceipt> {
    return this.host.send(singleMail(shared, entry), this.signal);
  }

  private async settle(part: Part<R>, sending: Promise<MailReceipt>): Promise<void> {
    const { index, recipient } = part;
    try {
      const receipt = await sending;
      this.progress.sent += 1;
      this.emit({ index, recipient, status: 'sent', receipt, progress: { ...this.progress } });
    } catch (error) {
      this.fail(part, error as MailError);
    }
  }

  private fail({ index, recipient }: { index: number; recipient: R }, error: MailError): void {
    this.progress.failed += 1;
    this.emit({ index, recipient, status: 'failed', error, progress: { ...this.progress } });
  }
}
