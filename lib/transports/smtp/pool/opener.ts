import { MailDeliveryError, type MailStage } from '../../../base/errors.js';
import type { SmtpContext } from '../session/context.js';
import { runOutside } from '../../../base/outside.js';
import { openSession, type Session } from '../session/session.js';

/** The wait after a failed attempt, doubled by each further one. */
const BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 10_000;
/** The wait while other connections carry the mail: the server may well limit their number. */
const GROWTH_PAUSE_MS = 5_000;

export interface OpenerEvents {
  opened(session: Session): void;
  failed(error: MailDeliveryError): void;
  /** Whether other sessions are open. */
  others(): boolean;
  /** The wait after a failure is over. */
  mayTry(): void;
}

/** Opens sessions when they are wanted, and less eagerly the more often that has failed. */
export class Opener {
  opening = 0;
  /** How far the attempt that was heard of last has come. */
  stage: MailStage = 'connect';
  private failures = 0;
  private tryAfter = -Infinity;
  private growAfter = -Infinity;
  private cancelWait: (() => void) | undefined;
  private abort = new AbortController();
  private stopped = false;

  constructor(
    private readonly context: SmtpContext,
    private readonly events: OpenerEvents,
  ) {}

  /** `count` sessions are wanted, those being opened among them. */
  want(count: number): void {
    if (this.stopped || count <= this.opening) return;
    const until = this.crowded ? Math.max(this.growAfter, this.tryAfter) : this.tryAfter;
    const wait = until - this.context.clock.monotonic();
    if (wait > 0) {
      this.wait(wait);
      return;
    }
    // After a failure one attempt at a time finds out whether the server is back.
    const most = this.failures > 0 ? 1 : count;
    // Its session serves every mail that comes, not only the one that it is opened for.
    while (this.opening < most) runOutside(() => void this.open());
  }

  /** The failure just reported says nothing about the sessions that are needed. */
  forgive(): void {
    this.growAfter = -Infinity;
  }

  /** Gives up the attempts under way: nobody wants them any more. */
  cancel(reason: unknown): void {
    this.cancelWait?.();
    this.abort.abort(reason);
    this.abort = new AbortController();
  }

  stop(reason: unknown): void {
    this.stopped = true;
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

  private wait(ms: number): void {
    this.cancelWait?.();
    // Mails wait with it, and maybe no socket: the process must not end over their promises.
    const cancel = this.context.clock.after(
      Math.ceil(ms),
      () => {
        this.cancelWait = undefined;
        this.events.mayTry();
      },
      { keepAlive: true },
    );
    this.cancelWait = () => {
      cancel();
      this.cancelWait = undefined;
    };
  }

  /** Others are open, or may be soon, so that nobody waits for this one alone. */
  private get crowded(): boolean {
    return this.opening > 0 || this.events.others();
  }

  private backOff(): void {
    const now = this.context.clock.monotonic();
    if (this.crowded) {
      this.growAfter = now + GROWTH_PAUSE_MS;
      return;
    }
    this.tryAfter = now + Math.min(BACKOFF_MS * 2 ** this.failures, MAX_BACKOFF_MS);
    this.failures += 1;
  }

  private asDeliveryError(error: unknown): MailDeliveryError {
    return error instanceof MailDeliveryError ? error : this.context.errors.connect(error);
  }
}
