import { MailDeliveryError, type MailStage } from '../../errors.js';
import type { SmtpContext } from './context.js';
import { openSession, type Session } from './session.js';

/** The wait after a failed attempt, doubled by each further one. */
const BACKOFF_MS = 50;
/** The same while other connections carry mail: then nobody waits for this one, and the server has had enough. */
const CROWDED_BACKOFF_MS = 5_000;
const MAX_BACKOFF_MS = 60_000;

export interface OpenerEvents {
  opened(session: Session): void;
  failed(error: MailDeliveryError): void;
  /** Whether other sessions are open, so that nobody waits for this one. */
  crowded(): boolean;
  /** The wait after a failure is over. */
  mayTry(): void;
}

/** Opens sessions when they are wanted, and less eagerly the more often that has failed. */
export class Opener {
  opening = 0;
  /** How far the attempt that was heard of last has come. */
  stage: MailStage = 'connect';
  private failures = 0;
  private notBefore = -Infinity;
  private cancelWait: (() => void) | undefined;
  private abort = new AbortController();
  private stopped = false;

  constructor(
    private readonly context: SmtpContext,
    private readonly events: OpenerEvents,
  ) {}

  /** `count` sessions are wanted, those being opened among them. */
  want(count: number): void {
    if (this.stopped) return;
    const wait = this.notBefore - this.context.clock.monotonic();
    if (count > this.opening && wait > 0) {
      this.cancelWait ??= this.context.clock.after(Math.ceil(wait), () => {
        this.cancelWait = undefined;
        this.events.mayTry();
      });
      return;
    }
    // After a failure one attempt at a time finds out whether the server is back.
    const most = this.failures > 0 ? 1 : count;
    while (this.opening < most) void this.open();
  }

  /** Gives up the attempts under way: nobody wants them any more. */
  cancel(reason: unknown): void {
    this.abort.abort(reason);
    this.abort = new AbortController();
  }

  stop(reason: unknown): void {
    this.stopped = true;
    this.cancelWait?.();
    this.cancelWait = undefined;
    this.cancel(reason);
  }

  private async open(): Promise<void> {
    this.opening += 1;
    this.stage = 'connect';
    const { signal } = this.abort;
    try {
      const session = await openSession(this.context, signal, (stage) => {
        this.stage = stage;
      });
      this.opening -= 1;
      this.failures = 0;
      this.events.opened(session);
    } catch (error) {
      this.opening -= 1;
      if (signal.aborted) {
        // That says nothing about the server.
        this.events.mayTry();
        return;
      }
      this.backOff();
      this.events.failed(this.asDeliveryError(error));
    }
  }

  private backOff(): void {
    const now = this.context.clock.monotonic();
    // Attempts that were made together count once.
    if (this.failures === 0 || now >= this.notBefore) this.failures += 1;
    const crowded = this.opening > 0 || this.events.crowded();
    const base = crowded ? CROWDED_BACKOFF_MS : BACKOFF_MS;
    this.notBefore = now + Math.min(base * 2 ** (this.failures - 1), MAX_BACKOFF_MS);
  }

  private asDeliveryError(error: unknown): MailDeliveryError {
    return error instanceof MailDeliveryError ? error : this.context.errors.connect(error);
  }
}
