import {
  abortedError,
  MailError,
  type MailDeliveryError,
  type MailDisposition,
} from '../base/errors.js';
import { fulfilledWithin, type Clock } from '../base/clock.js';
import type { Mail } from '../message/mail.js';

interface Entry {
  readonly counts: boolean;
  mail?: Mail;
  settled: 'no' | 'sent' | 'failed';
  disposition?: MailDisposition;
  readonly reject: (error: MailError) => void;
  previous?: Entry;
  next?: Entry;
}

/** A mail that had to be let go, and what is known of it. */
export interface AbandonedMail {
  readonly mail: Mail;
  readonly disposition: MailDisposition;
}

/**
 * The sends between the call and its answer, so that a drain can wait for them and name the rest. They
 * are linked, not in a Set: V8 gives a busy Set a new table all the time, and the old ones keep what
 * was in them, mails and all, from the collection of young garbage.
 */
export class InFlight {
  private first: Entry | undefined;
  private last: Entry | undefined;
  private idle?: () => void;
  private counted = { sent: 0, failed: 0 };

  constructor(private readonly clock: Clock) {}

  /**
   * Runs one send. `work` says which mail it is as soon as it is made. The answer settles at the
   * latest when `abandon` is called, whatever the transport does. `counts: false` is for mail that is only
   * stored, which is neither sent nor failed.
   */
  run<T>(
    work: (identify: (mail: Mail) => void) => Promise<T>,
    { counts = true }: { readonly counts?: boolean } = {},
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const entry: Entry = {
        counts,
        mail: undefined,
        settled: 'no',
        disposition: undefined,
        reject,
        previous: undefined,
        next: undefined,
      };
      this.add(entry);
      const fail = (error: unknown): void => {
        entry.disposition = error instanceof MailError ? error.disposition : 'unknown';
        this.settle(entry, 'failed');
        reject(error instanceof Error ? error : new Error(String(error)));
      };
      try {
        work((mail) => (entry.mail = mail)).then((value) => {
          this.settle(entry, 'sent');
          resolve(value);
        }, fail);
      } catch (error) {
        fail(error);
      }
    });
  }

  /** Starts counting what settles from now on. */
  resetCount(): void {
    this.counted = { sent: 0, failed: 0 };
  }

  get count(): Readonly<{ sent: number; failed: number }> {
    return this.counted;
  }

  /** Resolves to true once nothing is in flight, to false after `timeoutMs` milliseconds. */
  whenIdle(timeoutMs: number): Promise<boolean> {
    if (!this.first) return Promise.resolve(true);
    const idle = new Promise<void>((resolve) => (this.idle = resolve));
    return fulfilledWithin(this.clock, timeoutMs, idle);
  }

  /**
   * Lets go of everything in flight: `tearDown` makes the transports fail what they hold, and what has not
   * settled `graceMs` milliseconds later is answered here, as unknown.
   */
  async abandon(tearDown: () => Promise<void>, graceMs: number): Promise<AbandonedMail[]> {
    const left: Entry[] = [];
    for (let entry = this.first; entry; entry = entry.next) left.push(entry);
    const before = this.counted;
    // Failures from here on are abandonments, and reported as such.
    this.counted = { ...before };
    const tornDown = tearDown();
    await this.whenIdle(graceMs);
    for (const entry of left) {
      if (entry.settled !== 'no') continue;
      entry.disposition = 'unknown';
      this.settle(entry, 'failed');
      entry.reject(abandonedError(entry.mail));
    }
    await fulfilledWithin(this.clock, graceMs, tornDown);
    this.counted = { sent: this.counted.sent, failed: before.failed };
    return left.flatMap(({ mail, settled, disposition = 'unknown' }) =>
      mail && settled === 'failed' ? [{ mail, disposition }] : [],
    );
  }

  private add(entry: Entry): void {
    entry.previous = this.last;
    if (this.last) this.last.next = entry;
    else this.first = entry;
    this.last = entry;
  }

  private settle(entry: Entry, how: 'sent' | 'failed'): void {
    if (entry.settled !== 'no') return;
    entry.settled = how;
    const { previous, next } = entry;
    if (previous) previous.next = next;
    else this.first = next;
    if (next) next.previous = previous;
    else this.last = previous;
    entry.previous = entry.next = undefined;
    if (entry.counts) this.counted[how] += 1;
    if (!this.first) this.idle?.();
  }
}

function abandonedError(mail: Mail | undefined): MailDeliveryError {
  return abortedError({
    disposition: 'unknown',
    fault: 'transport',
    stage: 'queue',
    message: `The drain deadline passed while ${mail ? `mail ${mail.id}` : 'a mail'} was in flight, and its transport did not say what became of it`,
  });
}
