import { MailRelayError, type MailErrorCode, type MailDisposition } from '../base/errors.js';
import type { Mail } from '../message/mail.js';

/** Which mail leaves first, in this order. */
export const RELAY_PRIORITIES = ['high', 'normal', 'low'] as const;
export type RelayPriority = (typeof RELAY_PRIORITIES)[number];

/** A mail on its way into the relay. */
export interface NewJob {
  readonly mail: Mail;
  /** Whose it is: the name of the module instance. Absent or empty: the unnamed one's. Only its worker leases it. */
  readonly mailer?: string;
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
  /** Of what makes the message this one and no other (`digestOf`); kept as long as the key. Only beside a key. */
  readonly digest?: string;
}

/** What became of one job of an `enqueue`. */
export type EnqueueOutcome =
  /** On stable storage. Never answered on a guess. */
  | { readonly status: 'stored' }
  /** Its idempotency key was taken; these are the first mail's ids, and its digest where one was stored. */
  | {
      readonly status: 'duplicate';
      readonly id: string;
      readonly messageId: string;
      readonly digest?: string;
    }
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
  /** How many of them may have been accepted (disposition `unknown`). */
  readonly unknowns: number;
  /** From when its lifetime counts: when it was accepted, or its `notBefore`. Milliseconds since the epoch. */
  readonly bornAt: number;
  /** Of its stored form, in characters; the worker bounds by it what is in memory. */
  readonly size?: number;
}

/**
 * A job that is leased and could not be read. The worker gives it back, reads it once more, and settles
 * it as dead (`corrupt`) when that fails, too: a read that failed may have been the disk's fault.
 */
export interface UnreadableJob {
  /** What `settle` and `release` know it by. */
  readonly id: string;
  readonly problem: string;
}

/** Something in the storage that this package did not put there. It is not leased, and left as it is. */
export interface ForeignJob {
  readonly id: string;
  /** By what the driver knows that it is none of ours. */
  readonly problem: string;
}

export interface LeaseRequest {
  /** Jobs at most, the unreadable ones included; at least 1. */
  readonly max: number;
  /**
   * Characters of their stored forms, together, at most. The first job is leased whatever its size; see
   * `countFitting`.
   */
  readonly maxSize: number;
}

export interface Lease {
  readonly jobs: readonly LeasedJob[];
  readonly unreadable: readonly UnreadableJob[];
  /** Met on the way; the worker tells of each once. */
  readonly foreign?: readonly ForeignJob[];
  /**
   * How long these leases last, in milliseconds, by the clock of the storage, from the moment when they
   * were asked for; `heartbeat` begins it anew. The worker starts no mail after that without asking.
   * Absent: a lease lasts as long as the process.
   */
  readonly validMs?: number;
  /** Part of the storage cannot be read; the jobs are those that can. */
  readonly damage?: MailRelayError;
  /** More may be had once this many milliseconds have passed. Absent: the driver will call `onWork`. */
  readonly againInMs?: number;
}

/**
 * - `permanent`: the next hop refused it for good.
 * - `expired`: its lifetime passed.
 * - `held`: it may have been accepted (`unknown`), and the policy says not to send it again by itself.
 * - `corrupt`: it could not be read out of storage.
 */
export type DeadReason = 'permanent' | 'expired' | 'held' | 'corrupt';

/**
 * How an attempt ended, for storage. Settling an id that is settled already changes nothing, and counts
 * as recorded. Who took over a lease that ran out decides about the job from then on, but for `sent`: a
 * mail that was accepted is settled whoever holds its lease.
 */
export type Settlement =
  | { readonly id: string; readonly outcome: 'sent' }
  | {
      readonly id: string;
      readonly outcome: 'deferred';
      /** Wait this long before the next lease, in milliseconds. */
      readonly delayMs: number;
      /** Attempts that counted, this one included. */
      readonly attempts: number;
      /** How many of them may have been accepted. */
      readonly unknowns: number;
      /** The recipients still open; absent when they are the same as before. */
      readonly open?: readonly string[];
      readonly failure: JobFailure;
    }
  | {
      readonly id: string;
      readonly outcome: 'dead';
      readonly reason: DeadReason;
      readonly attempts: number;
      readonly unknowns: number;
      readonly open?: readonly string[];
      readonly failure: JobFailure;
    };

/** Some outcomes of a `settle` could not be recorded; all others are. */
export class UnrecordedError extends MailRelayError {
  constructor(
    message: string,
    /** The ids whose outcomes are not recorded. */
    readonly ids: readonly string[],
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options);
  }
}

export type JobState = 'queued' | 'scheduled' | 'deferred' | 'leased' | 'dead' | 'sent';

/** A job as it is listed. */
export interface JobSummary {
  readonly id: string;
  readonly messageId: string;
  /** Absent for the unnamed mailer, and for jobs of a release that stored no mailer. */
  readonly mailer?: string;
  readonly state: JobState;
  readonly priority: RelayPriority;
  readonly attempts: number;
  /** How many attempts may have been accepted. */
  readonly unknowns: number;
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
  /** Whose jobs to lease: the name of the module instance. Absent or empty: the unnamed one's. */
  readonly mailer?: string;
  /** There may be work to lease. Called as often as the driver likes; never during `consume` itself. */
  readonly onWork: () => void;
}

/**
 * A driver: durable storage of mails on their way. Building one does no I/O. Every method that touches
 * storage settles within the driver's own bound and rejects with MailRelayError when storage fails.
 *
 * What the worker does for every driver, so that none needs to: it never starts a job that is under way
 * in its process, or whose outcome it could not record yet, although a lease brings it again; it starts
 * none whose lease may have run out; it reads an unreadable job twice before it sets it aside; it
 * repeats what could not be recorded for as long as the process lives.
 */
export interface MailRelay {
  /** Names the storage in logs and errors; never holds a secret. */
  readonly name: string;
  /**
   * The same for two relays of one process exactly where they hold the same mail: the resolved path of a
   * file, for one. Two workers of one mailer on one storage are then refused. Absent: not known.
   */
  readonly identity?: string;
  /** Opens storage, as far as it can be had now: a storage that is down is no error, it comes later. */
  open(): Promise<void>;
  /**
   * Puts mails on stable storage and returns one outcome for each, in order. A rejection means that
   * none is known to be stored.
   */
  enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueOutcome[]>;

  /** From now on this process leases for one mailer. Called once, by its worker. */
  consume(options: ConsumeOptions): Promise<void>;
  /**
   * Leases due jobs of the mailer, and of a release that stored no mailer: higher priority first, then
   * first come, first served. Never waits for work.
   */
  lease(request: LeaseRequest): Promise<Lease>;
  /**
   * Records how attempts ended, and resolves only when all of it is recorded.
   * @throws UnrecordedError where only some could not be, MailRelayError where none is known to be. The
   * worker repeats those.
   */
  settle(settlements: readonly Settlement[]): Promise<void>;
  /** How often `heartbeat` wants to be called, in milliseconds. Absent: the driver renews by itself. */
  readonly heartbeatMs?: number;
  /**
   * Renews leases, and returns the ids of those that this process still holds: a lease that ran out and
   * went to another one is none. One that ran out and went to nobody may be taken again.
   */
  heartbeat(ids: readonly string[]): Promise<readonly string[]>;
  /** Gives leased jobs back at once, as if never leased: same place, no attempt counted. */
  release(ids: readonly string[]): Promise<void>;

  /** Oldest first, whosever they are. */
  list(options?: ListOptions): Promise<readonly JobSummary[]>;
  show(id: string): Promise<JobDetails | undefined>;
  /** Makes dead jobs due now, with a new lifetime and no attempts counted. Returns how many. */
  retry(ids: readonly string[] | 'all'): Promise<number>;
  /** Removes dead jobs for good; their idempotency keys are free again. Returns how many. */
  discard(ids: readonly string[] | 'all'): Promise<number>;
  stats(): Promise<RelayStats>;

  /** Takes nothing more, lets what is being written finish, closes storage. Idempotent. */
  close(): Promise<void>;
  /** Lets go of storage at once; what is being written fails as unknown. Idempotent. */
  destroy(reason?: Error): Promise<void>;
}
