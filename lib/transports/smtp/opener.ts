import { MailDeliveryError } from '../../errors.js';
import type { SmtpContext } from './context.js';
import { openSession, type Session } from './session.js';

/** The wait after a failed attempt, doubled by each further one. */
const BACKOFF_MS = 50;
/** The same while other connections carry mail: then nobody waits for this one, and the server has had enough. */
const CROWDED_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 10_000;

export interface OpenerEvents {
  opened(session: Session): void;
  failed(error: MailDeliveryError): void;
  /** The wait after a failure is over. */
  mayTry(): void;
}

/** Opens sessions when they are wanted, and less eagerly the more often that has failed. */
export class Opener {
  opening = 0;
  private failures = 0;
  private notBefore = -Infinity;
  private cancelWait: (() => void) | undefined;
  private readonly abort = new AbortController();

  constructor(
    private readonly context: SmtpContext,
    private readonly events: OpenerEvents,
  ) {}

  /** `count` sessions are wanted, those being opened among them. `crowded`: others are open. */
  want(count: number, crowded: boolean): void {
    if (this.abort.signal.aborted) return;
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
    while (this.opening < most) void this.open(crowded);
  }

  stop(reason: unknown): void {
    this.cancelWait?.();
    this.cancelWait = undefined;
    this.abort.abort(reason);
  }

  private async open(crowded: boolean): Promise<void> {
    this.opening += 1;
    try {
      const session = await openSession(this.context, this.abort.signal);
      this.opening -= 1;
      this.failures = 0;
      this.notBefore = -Infinity;
      this.events.opened(session);
    } catch (error) {
      this.opening -= 1;
      this.failures += 1;
      const base = crowded ? CROWDED_BACKOFF_MS : BACKOFF_MS;
      const backoff = Math.min(base * 2 ** (this.failures - 1), MAX_BACKOFF_MS);
      this.notBefore = this.context.clock.monotonic() + backoff;
      this.events.failed(this.asDeliveryError(error));
    }
  }

  private asDeliveryError(error: unknown): MailDeliveryError {
    return error instanceof MailDeliveryError ? error : this.context.errors.connect(error);
  }
}
