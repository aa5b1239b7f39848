import type { Clock } from '../../base/clock.js';
import type { MailTransport } from '../transport.js';
import { Breaker, type BreakerOptions, type BreakerState } from './breaker.js';
import { verdictOf } from './faults.js';
import { Latency } from './latency.js';
import { MemberLog } from './member-log.js';
import type { Choice } from './strategy.js';

export interface MemberConfig {
  readonly transport: MailTransport;
  /** Default: the transport's own. */
  readonly name?: string;
  /** Default 1. */
  readonly weight?: number;
}

/** One transport of a route as it stands now. */
export interface TransportStatus {
  readonly transport: string;
  /** `open`: down, no mail goes there. `half-open`: a trial passed, one mail at a time. */
  readonly state: BreakerState;
  /** Moving average of the time per mail in milliseconds; absent until a mail has been carried. */
  readonly latencyMs?: number;
  /** Milliseconds until an open transport is tried again. */
  readonly trialInMs?: number;
  /** What opened the breaker. */
  readonly error?: Error;
}

/** A transport in a route, with what is known of it. */
export class RouteMember {
  readonly transport: MailTransport;
  readonly weight: number;
  readonly latency: Latency;
  readonly breaker: Breaker;
  /** What a strategy knows of it in bulk, where many mails share the time of a request. */
  readonly inBulk: Choice & { readonly member: RouteMember };
  /** The trial under way: settles with it, never rejects. */
  trial: Promise<void> | undefined;
  private readonly given: string | undefined;
  private readonly log = new MemberLog();
  /** Waiting for the mail that tries a half-open transport. */
  private onVerdict: (() => void)[] = [];

  constructor(config: MemberConfig, options: Required<BreakerOptions>, clock: Clock) {
    this.transport = config.transport;
    this.given = config.name;
    this.weight = config.weight ?? 1;
    this.latency = new Latency(clock);
    this.breaker = new Breaker(options, clock);
    this.inBulk = { member: this, weight: this.weight, latency: new Latency(clock) };
  }

  get name(): string {
    return this.given ?? this.transport.name;
  }

  /** How receipts call it: the user's name for it, or what said it; a route speaks of its own transports. */
  label(said: string | undefined): string {
    if (this.transport.transports && said !== undefined) return said;
    return this.given ?? said ?? this.transport.name;
  }

  /**
   * An attempt begins; the returned function takes its outcome: nothing, or what it failed with. The time of one
   * that is not `timed` says nothing about the time per mail.
   */
  begin(timed = true): (failure?: { readonly error: unknown; readonly aborted: boolean }) => void {
    const pass = this.breaker.enter();
    const measure = timed ? this.latency.begin() : () => undefined;
    return (failure) => {
      measure(!failure);
      const verdict = failure ? (failure.aborted ? 'none' : verdictOf(failure.error)) : 'up';
      if (verdict === 'up') this.breaker.succeeded(pass);
      else if (verdict === 'none') this.breaker.undecided(pass);
      else this.breaker.failed(pass, toError(failure?.error));
      this.log.tell(this.name, this.breaker);
      for (const tell of this.onVerdict.splice(0)) tell();
    };
  }

  /** Asks an open transport for its health once that is due. Costs no mail anything. */
  tryOut(signal: AbortSignal): void {
    if (this.trial || !this.breaker.trialDue) return;
    this.trial = this.askHealth(signal);
  }

  private async askHealth(signal: AbortSignal): Promise<void> {
    try {
      await this.transport.verify({ signal });
      this.breaker.trialPassed();
    } catch (error) {
      // An end that we made ourselves says nothing of the transport.
      if (!signal.aborted) this.breaker.trialFailed(toError(error));
    }
    this.log.tell(this.name, this.breaker);
    this.trial = undefined;
  }

  /** What may soon make the transport usable, or tell that it is not; absent when nothing is under way. */
  soon(): Promise<void> | undefined {
    if (this.trial) return this.trial;
    if (this.breaker.state !== 'half-open') return undefined;
    return new Promise((resolve) => this.onVerdict.push(resolve));
  }

  get status(): TransportStatus {
    const { state, waitMs, lastError } = this.breaker;
    const { averageMs } = this.latency;
    return {
      transport: this.name,
      state,
      ...(averageMs !== undefined && { latencyMs: averageMs }),
      ...(state === 'open' && { trialInMs: waitMs }),
      ...(state !== 'closed' && lastError && { error: lastError }),
    };
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
