import { backoffMs, type RetryPolicy } from '../retry-policy.js';

/** Shortest and longest pause, in milliseconds; a retry policy with less makes them less. */
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;
/** Faults that are remembered; a fault forgotten is only one more attempt that does not count. */
const MAX_SUSPECTS = 10_000;

/**
 * Knows whether the transport is there. A transport that fails is left alone for a while, then asked whether it
 * would take mail, then tried with one mail; only when that goes out does everything flow again.
 */
export class TransportWatch {
  private state: 'up' | 'down' | 'trial' = 'up';
  private failures = 0;
  /** Counts the times that the transport showed that it works. */
  private proofs = 0;
  private readonly suspects = new Map<string, number>();

  constructor(private readonly policy: RetryPolicy) {}

  /** How many mails may be under way, of `most`. */
  allows(most: number): number {
    return { up: most, trial: 1, down: 0 }[this.state];
  }

  get isDown(): boolean {
    return this.state === 'down';
  }

  /** It failed again when it was asked or tried again: no passing fault. */
  get staysDown(): boolean {
    return this.failures > 1;
  }

  /** The transport took a mail, or refused one for the mail's own sake. */
  proved(): void {
    this.proofs += 1;
    this.failures = 0;
    this.state = 'up';
  }

  /** The transport answered that it would take mail. */
  answered(): void {
    this.proofs += 1;
    this.state = 'trial';
  }

  /**
   * Whether a transport fault is likely the doing of this mail: the transport worked for others since the last
   * time that the mail met one. Such a mail must not stop the rest for ever.
   */
  blames(id: string): boolean {
    const seen = this.suspects.get(id);
    return seen !== undefined && seen !== this.proofs;
  }

  suspect(id: string): void {
    if (this.suspects.size >= MAX_SUSPECTS) this.suspects.clear();
    this.suspects.set(id, this.proofs);
  }

  forget(id: string): void {
    if (this.suspects.size > 0) this.suspects.delete(id);
  }

  /** The transport failed. Answers how long to leave it alone, in milliseconds; undefined while that runs. */
  failed(retryAfterMs: number, random: number): number | undefined {
    if (this.state === 'down') return undefined;
    this.state = 'down';
    return this.pauseMs(retryAfterMs, random);
  }

  /** The transport, asked, is still not there. */
  stillDown(retryAfterMs: number, random: number): number {
    return this.pauseMs(retryAfterMs, random);
  }

  private pauseMs(retryAfterMs: number, random: number): number {
    const minBackoffMs = Math.min(MIN_PAUSE_MS, this.policy.minBackoffMs);
    const maxBackoffMs = Math.min(MAX_PAUSE_MS, this.policy.maxBackoffMs);
    const wait = backoffMs({ minBackoffMs, maxBackoffMs }, this.failures, random);
    this.failures += 1;
    return Math.max(wait, retryAfterMs);
  }
}
