import type { MailErrorCode, MailDisposition, MailRelayError } from '../base/errors.js';
import type { Mail } from '../message/mail.js';

export type RelayPriority = 'high' | 'normal' | 'low';

/** A mail on its way into the relay. */
export interface NewJob {
  readonly mail: Mail;
  /** When it was accepted, in milliseconds since the Unix epoch. */
  readonly queuedAt: number;
  /** Not to be leased before this moment (`sendAt`), in milliseconds since the Unix epoch. */
  readonly notBefore?: number;
  readonly priority: RelayPriority;
  /**
   * A later job with the same key is not stored; it is answered with the ids of this one. The key stays
   * taken while the job is here, dead or not, is free once a dead job is discarded, and is remembered for
   * a time after the mail is sent.
   */
  readonly idempotencyKey?: string;
}

/** What became of one job of an `enqueue`. */
export type EnqueueOutcome =
  /** On stable storage. Never answered on a guess. */
  | { readonly status: 'stored' }
  /** Its idempotency key was taken; these are the first mail's ids. */
  | { readonly status: 'duplicate'; readonly id: string; readonly messageId: string }
  /** Not known to be stored; `error.disposition` says which. */
  | { readonly status: 'failed'; readonly error: MailRelayError };

/** Why an attempt did not deliver a mail, as it is stored; holds no secret. */
export interface JobFailure {
  readonly code: MailErrorCode;
  readonly disposition: MailDisposition;
  readonly message: string;
  readonly transport?: string;
  /** The server's own words. */
  readonly response?: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/** A job that this process may deliver until it settles or releases it, or its lease runs out. */
export interface LeasedJob {
  /** Its envelope holds only the recipients that are still open; the headers stay as they were. */
  readonly mail: Mail;
  /** How many attempts counted so far. */
  readonly attempts: number;
  /** From when its lifetime counts: when it was accepted, or its `notBefore`. Milliseconds since the epoch. */
  readonly bornAt: number;
  /** Of its stored form, in characters; the worker bounds by it what is in memory. */
  readonly size?: number;
}

/** A job that could not be read. The driver has set it aside as dead, reason `corrupt`. */
export interface CorruptJob {
  readonly id: string;
  readonly problem: string;
}

export interface Lease {
  readonly jobs: readonly LeasedJob[];
  readonly corrupt: readonly CorruptJob[];
  /** Part of the storage cannot be read; the jobs are those that can. */
  readonly damage?: MailRelayError;
  /** More may be had once this many milliseconds have passed. Absent: the driver will call `onWork`. */
  readonly againInMs?: number;
}

/**
 * - `permanent`: the next hop refused it for good.
 * - `expired`: its lifetime passed.
 * - `held`: it may have been accepted (`unknown`), and the policy says not to send it again unasked.
 * - `corrupt`: it could not be read out of storage.
 */
export type DeadReason = 'permanent' | 'expired' | 'held' | 'corrupt';

/** How an attempt ended, for storage. Settling an id that is settled already changes nothing. */
export type Settlement =
  | { readonly id: string; readonly outcome: 'sent' }
  | {
      readonly id: string;
      readonly outcome: 'deferred';
      /** Wait this long before the next lease, in milliseconds. */
      readonly delayMs: number;
      /** Attempts that counted, this one included. */
      readonly attempts: number;
      /** The recipients still open; absent when they are the same as before. */
      readonly open?: readonly string[];
      readonly failure: JobFailure;
    }
  | {
      readonly id: string;
      readonly outcome: 'dead';
      readonly reason: DeadReason;
      readonly attempts: number;
      readonly open?: readonly string[];
      readonly failure: JobFailure;
    };

export type JobState = 'queued' | 'scheduled' | 'deferred' | 'leased' | 'dead' | 'sent';

/** A job as it is listed. */
export interface JobSummary {
  readonly id: string;
  readonly messageId: string;
  readonly state: JobState;
  readonly priority: RelayPriority;
  readonly attempts: number;
  /** Milliseconds since the Unix epoch. */
  readonly queuedAt: number;
  /** When it is due, in milliseconds since the Unix epoch; of scheduled and deferred jobs. */
  readonly dueAt?: number;
  /** Of dead jobs. */
  readonly reason?: DeadReason;
  readonly failure?: JobFailure;
}

export interface JobDetails extends JobSummary {
  /** Absent when it cannot be read. */
  readonly mail?: Mail;
}

export interface RelayStats {
  readonly queued: number;
  readonly scheduled: number;
  readonly deferred: number;
  readonly leased: number;
  readonly dead: number;
  /** Kept after it was sent; 0 unless the driver is told to keep sent mail. */
  readonly sent: number;
}

export interface ListOptions {
  /** Default `dead`. */
  readonly state?: JobState;
  /** Default 100, minimum 1. */
  readonly limit?: number;
  /** Go on after this id. */
  readonly after?: string;
}

export interface ConsumeOptions {
  /** There may be work to lease. Called as often as the driver likes; never during `consume` itself. */
  readonly onWork: () => void;
}

/**
 * A driver: durable storage of mails on their way. Building one does no I/O. Every method that touches
 * storage settles within the driver's own bound and rejects with MailRelayError when storage fails.
 */
export interface MailRelay {
  /** Names the storage in logs and errors; never holds a secret. */
  readonly name: string;
  /** Opens storage, as far as it can be had now: a storage that is down is no error, it comes later. */
  open(): Promise<void>;
  /**
   * Puts mails on stable storage and answers one outcome for each, in order. A rejection means that
   * none is known to be stored.
   */
  enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueOutcome[]>;

  /** From now on this process leases. Called once, by the worker. */
  consume(options: ConsumeOptions): Promise<void>;
  /** Leases up to `max` due jobs: higher priority first, then first come, first served. Never waits for work. */
  lease(max: number): Promise<Lease>;
  /** Records how attempts ended. The worker repeats the batch when it rejects. */
  settle(settlements: readonly Settlement[]): Promise<void>;
  /** How often `heartbeat` wants to be called, in milliseconds. Absent: the driver renews by itself. */
  readonly heartbeatMs?: number;
  /** Renews the leases of jobs whose attempts last. */
  heartbeat(ids: readonly string[]): Promise<void>;
  /** Gives leased jobs back at once, as if never leased: same place, no attempt counted. */
  release(ids: readonly string[]): Promise<void>;

  /** Oldest first. */
  list(options?: ListOptions): Promise<readonly JobSummary[]>;
  show(id: string): Promise<JobDetails | undefined>;
  /** Makes dead jobs due now, with a new lifetime and no attempts counted. Answers how many. */
  retry(ids: readonly string[] | 'all'): Promise<number>;
  /** Removes dead jobs for good; their idempotency keys are free again. Answers how many. */
  discard(ids: readonly string[] | 'all'): Promise<number>;
  stats(): Promise<RelayStats>;

  /** Takes nothing more, lets what is being written finish, closes storage. Idempotent. */
  close(): Promise<void>;
  /** Lets go of storage at once; what is being written fails as unknown. Idempotent. */
  destroy(reason?: Error): Promise<void>;
}
