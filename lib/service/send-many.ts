import { isObservable, Observable, type Observer } from 'rxjs';
import { MailError, MailShutdownError } from '../base/errors.js';
import type { MailOutcome, MailReceipt } from './mail.receipt.js';
import type { MailMessage } from '../message/message.js';

/** Messages one by one: whatever can be looped over, or an Observable. */
export type MailSource =
  Iterable<MailMessage> | AsyncIterable<MailMessage> | Observable<MailMessage>;

interface Puller {
  next(): Promise<IteratorResult<unknown>> | IteratorResult<unknown>;
  return?(): unknown;
}

/**
 * Sends what `source` gives, at most `concurrency` at once, and pulls the next message only when there
 * is room for it. Errors of single messages are outcomes; the Observable fails only when the source
 * does, or with MailShutdownError when the module drains.
 */
export function sendMany(
  source: MailSource,
  send: (message: MailMessage, index: number) => Promise<MailReceipt>,
  concurrency: number,
): Observable<MailOutcome> {
  return new Observable((subscriber) => {
    const puller = pullerOf(source);
    const run = new Run(puller, send, concurrency, subscriber);
    void run.loop();
    return () => run.stop();
  });
}

/** One subscription: its own pass over the source. */
class Run {
  private active = 0;
  private stopped = false;
  private wake?: () => void;

  constructor(
    private readonly puller: Puller,
    private readonly send: (message: MailMessage, index: number) => Promise<MailReceipt>,
    private readonly concurrency: number,
    private readonly subscriber: Observer<MailOutcome>,
  ) {}

  async loop(): Promise<void> {
    try {
      for (let index = 0; ; index += 1) {
        while (this.active >= this.concurrency && !this.stopped) await this.change();
        const pulled = this.puller.next();
        const result = pulled instanceof Promise ? await pulled : pulled;
        if (result.done === true || this.stopped) break;
        this.active += 1;
        void this.one(result.value as MailMessage, index);
      }
      while (this.active > 0) await this.change();
      this.subscriber.complete();
    } catch (error) {
      while (this.active > 0) await this.change();
      this.subscriber.error(error);
    }
  }

  /** Pulls no more. What is under way goes on; nobody listens any more. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    void this.letGo();
    this.wake?.();
  }

  /** A source that fails to close has nobody left to tell. */
  private async letGo(): Promise<void> {
    try {
      await this.puller.return?.();
    } catch {
      return;
    }
  }

  private async one(message: MailMessage, index: number): Promise<void> {
    try {
      const receipt = await this.send(message, index);
      this.subscriber.next({ index, message, receipt });
    } catch (error) {
      if (error instanceof MailShutdownError) {
        this.subscriber.error(error);
        this.stop();
      } else if (error instanceof MailError) this.subscriber.next({ index, message, error });
      else this.subscriber.error(error);
    } finally {
      this.active -= 1;
      this.wake?.();
    }
  }

  private change(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }
}

function pullerOf(source: MailSource): Puller {
  if (isObservable(source)) return observablePuller(source);
  return Symbol.asyncIterator in source
    ? source[Symbol.asyncIterator]()
    : source[Symbol.iterator]();
}

/** An Observable cannot be told to wait: what it pushes early is kept until its turn. */
function observablePuller(source: Observable<MailMessage>): Puller {
  let early: MailMessage[] = [];
  let taken = 0;
  let ended: { readonly error?: unknown } | undefined;
  let wake: (() => void) | undefined;
  const end = (how: { readonly error?: unknown }) => {
    ended = how;
    wake?.();
  };
  const subscription = source.subscribe({
    next: (message) => {
      early.push(message);
      wake?.();
    },
    error: (error: unknown) => end({ error }),
    complete: () => end({}),
  });
  return {
    async next() {
      while (taken === early.length) {
        // Cut off in whole blocks: a shift of a long array moves all of it.
        early = [];
        taken = 0;
        if (ended && 'error' in ended) throw ended.error;
        if (ended) return { done: true, value: undefined };
        await new Promise<void>((resolve) => (wake = resolve));
      }
      return { done: false, value: early[taken++] };
    },
    return() {
      subscription.unsubscribe();
      end({});
    },
  };
}
