import type { Clock } from '../../base/clock.js';
import { MailDeliveryError, type MailErrorCode } from '../../base/errors.js';

export interface BreakerOptions {
  /**
   * Transport faults in a row that open the breaker, where the transport still answers (a lost connection, a
   * timeout, HTTP 5xx). Default 3, minimum 1. DNS, refused or timed out connects, TLS, credentials,
   * SMTP 421 and rate limits open it at once.
   */
  readonly failures?: number;
  /**
   * Milliseconds after which an open transport is tried again, unless the server asked for a longer wait.
   * Default 5,000, minimum 1.
   */
  readonly trialAfterMs?: number;
  /** The same after refused credentials, which nobody should hammer. Default 60,000, minimum 1. */
  readonly authTrialAfterMs?: number;
}

export const BREAKER_DEFAULTS: Required<BreakerOptions> = {
  failures: 3,
  trialAfterMs: 5_000,
  authTrialAfterMs: 60_000,
};

export type BreakerState = 'closed' | 'open' | 'half-open';

/** Leave to use the transport, good for one attempt; it says when it was given. */
export type BreakerPass = number;

/**
 * Keeps mail off a transport that is down. Open, it admits nobody until a trial has passed; half-open, one
 * mail at a time, whose success closes it. Only the caller knows how to try a transport.
 */
export class Breaker {
  private current: BreakerState = 'closed';
  private inARow = 0;
  /** How often it opened since it was closed. */
  private opened = 0;
  private openUntil = 0;
  private occupied = false;
  /** Verdicts on attempts from before the last change of state are too old to count. */
  private epoch = 0;
  /** What opened it last. */
  lastError: Error | undefined;

  constructor(
    private readonly options: Required<BreakerOptions>,
    private readonly clock: Clock,
  ) {}

  get state(): BreakerState {
    return this.current;
  }

  /** A trial failed, too: no passing fault. */
  get staysOpen(): boolean {
    return this.opened > 1;
  }

  /** Whether a mail may use the transport now. */
  get admits(): boolean {
    return this.current === 'closed' || (this.current === 'half-open' && !this.occupied);
  }

  /** Milliseconds until a trial is due; 0 unless open. */
  get waitMs(): number {
    return this.current === 'open' ? Math.max(0, this.openUntil - this.clock.monotonic()) : 0;
  }

  get trialDue(): boolean {
    return this.current === 'open' && this.waitMs === 0;
  }

  /** Call only while it `admits`; every pass is given back through one of the three verdicts. */
  enter(): BreakerPass {
    if (this.current === 'half-open') this.occupied = true;
    return this.epoch;
  }

  succeeded(pass: BreakerPass): void {
    if (pass !== this.epoch) return;
    this.inARow = 0;
    if (this.current === 'half-open') this.become('closed');
  }

  /** The transport was at fault. */
  failed(pass: BreakerPass, error: Error): void {
    if (pass !== this.epoch) return;
    this.inARow += 1;
    const enough = this.inARow >= this.options.failures || opensAtOnce(error);
    if (this.current === 'half-open' || enough) this.open(error);
  }

  /** The attempt says nothing about the transport. */
  undecided(pass: BreakerPass): void {
    if (pass === this.epoch) this.occupied = false;
  }

  trialPassed(): void {
    if (this.current === 'open') this.become('half-open');
  }

  trialFailed(error: Error): void {
    if (this.current === 'open') this.open(error);
  }

  private open(error: Error): void {
    const { trialAfterMs, authTrialAfterMs } = this.options;
    const known = error instanceof MailDeliveryError ? error : undefined;
    const pause = known?.code === 'MAIL_AUTH' ? authTrialAfterMs : trialAfterMs;
    this.opened += 1;
    this.lastError = error;
    this.openUntil = this.clock.monotonic() + Math.max(pause, known?.retryAfterMs ?? 0);
    this.become('open');
  }

  private become(state: BreakerState): void {
    this.current = state;
    if (state === 'closed') this.opened = 0;
    this.occupied = false;
    this.inARow = 0;
    this.epoch += 1;
  }
}

const AT_ONCE: readonly MailErrorCode[] = ['MAIL_DNS', 'MAIL_CONNECT', 'MAIL_TLS', 'MAIL_AUTH'];

/** Faults after which the next mail would only meet the same. */
function opensAtOnce(error: Error): boolean {
  if (!(error instanceof MailDeliveryError)) return false;
  const { code, smtpCode, retryAfterMs } = error;
  return (
    AT_ONCE.includes(code) ||
    (code === 'MAIL_SERVICE' && smtpCode !== undefined) ||
    (code === 'MAIL_RATE' && retryAfterMs !== undefined)
  );
}
