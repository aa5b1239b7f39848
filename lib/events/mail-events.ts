import type {
  MailDeliveryError,
  MailError,
  MailErrorCode,
  RejectedRecipient,
} from '../base/errors.js';

interface MailEventBase {
  /** Wall-clock time in milliseconds since the Unix epoch. */
  readonly at: number;
  /** Name of the module instance; absent for the default one. */
  readonly mailer?: string;
}

/** What every event about one mail carries. */
interface AboutMail {
  readonly id: string;
  readonly messageId: string;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** The template that it was filled from; absent without one. */
  readonly template?: string;
  /** Whom the event is about; the docs' table says for each event who that is. */
  readonly recipients: readonly string[];
  /** Which attempt the event is about, from 1; 0 before the first. */
  readonly attempt: number;
}

/** A mail is stored in the relay; `send` returns as soon as it is. */
export interface MailQueuedEvent extends MailEventBase, AboutMail {
  readonly type: 'queued';
  /** Not to be sent before this moment, in milliseconds since the Unix epoch. */
  readonly notBefore?: number;
}

/** A mail is handed to a transport. */
export interface MailAttemptEvent extends MailEventBase, AboutMail {
  readonly type: 'attempt';
  readonly transport: string;
}

/** A route tried a transport for a mail; each `attempt` over a route has one or more. */
export interface MailHopEvent extends MailEventBase, AboutMail {
  readonly type: 'hop';
  readonly transport: string;
  readonly outcome: 'accepted' | 'partial' | 'failed';
  readonly durationMs: number;
  readonly response?: string;
  /** Why the transport did not take it. */
  readonly error?: {
    readonly code: MailErrorCode;
    readonly disposition: MailDeliveryError['disposition'];
    readonly message: string;
  };
}

/** The next hop took responsibility for at least one recipient. */
export interface MailSentEvent extends MailEventBase, AboutMail {
  readonly type: 'sent';
  readonly transport: string;
  readonly accepted: readonly string[];
  readonly response: string;
  readonly remoteId?: string;
  readonly durationMs: number;
}

/**
 * This attempt did not work: no recipient was accepted. With a relay the mail may be tried again, and
 * `deferred`, or `failed`, says so next; without one `failed` follows.
 */
export interface MailAttemptFailedEvent extends MailEventBase, AboutMail {
  readonly type: 'attempt-failed';
  readonly transport: string;
  readonly error: MailError;
  readonly durationMs: number;
}

/** The next hop refused recipients for good; `failed` follows for the same recipients. */
export interface MailRejectedEvent extends MailEventBase, AboutMail {
  readonly type: 'rejected';
  readonly transport: string;
  readonly rejected: readonly RejectedRecipient[];
}

/**
 * The mail will not arrive at `recipients`, with or without a relay: nothing more is done by itself. It
 * comes once for each recipient. `failure.disposition` `unknown`: it may have arrived all the same, and
 * nobody can tell.
 */
export interface MailFailedEvent extends MailEventBase, Omit<AboutMail, 'messageId'> {
  /** Absent when the stored mail could not be read. */
  readonly messageId?: string;
  readonly type: 'failed';
  readonly failure: MailFailureSummary;
}

/** Why a mail was not delivered. */
export interface MailFailureSummary {
  readonly code: MailErrorCode;
  readonly disposition: MailDeliveryError['disposition'];
  readonly message: string;
  /** The transport that failed, where it got as far as one. */
  readonly transport?: string;
  /** The server's own words. */
  readonly response?: string;
}

/** A mail waits in the relay for another attempt. `recipients`: who has not got it yet. */
export interface MailDeferredEvent extends MailEventBase, AboutMail {
  readonly type: 'deferred';
  /** The transport is down: the mail keeps its place, and the attempt does not count. */
  readonly transportDown: boolean;
  /** Attempts that counted. */
  readonly attempts: number;
  /** How many of them may have been accepted. */
  readonly unknowns: number;
  /** How long it waits, in milliseconds. */
  readonly delayMs: number;
  readonly failure: MailFailureSummary;
}

/**
 * The relay gave a mail up; it is kept, and can be retried or discarded. `failed` comes with it.
 * `recipients`: who has not got it; nobody can tell of a mail that could not be read.
 */
export interface MailDeadEvent extends MailEventBase, Omit<AboutMail, 'messageId'> {
  readonly type: 'dead';
  /** Absent when the mail could not be read. */
  readonly messageId?: string;
  readonly reason: 'permanent' | 'expired' | 'held' | 'corrupt';
  /** Attempts that counted. */
  readonly attempts: number;
  /** How many of them may have been accepted. */
  readonly unknowns: number;
  readonly failure: MailFailureSummary;
}

/**
 * Stored mail waits: the relay's storage fails, or part of it cannot be read, or the transport, asked again,
 * is still down. Told once, and again when the reason changes.
 */
export interface MailStalledEvent extends MailEventBase {
  readonly type: 'stalled';
  /** What cannot be done: lease mail to send it, record what became of it, or deliver it over the transport. */
  readonly doing: 'lease' | 'settle' | 'deliver';
  /** The storage's name. */
  readonly relay: string;
  readonly error: MailError;
}

/** The relay's storage, or the transport, is back. */
export interface MailResumedEvent extends MailEventBase {
  readonly type: 'resumed';
  readonly doing: MailStalledEvent['doing'];
  readonly relay: string;
}

/** What became of the mail that was in flight when the module began to drain. */
export interface MailDrainSummary {
  /** Accepted by the next hop while draining. */
  readonly sent: number;
  /** Settled with an error by themselves while draining. */
  readonly failed: number;
  /** Given back to durable storage, to be sent after the restart; always 0 without a relay. */
  readonly released: number;
  /** Aborted at the deadline, each with what is known of it. */
  readonly abandoned: readonly {
    readonly id: string;
    readonly messageId: string;
    readonly recipients: readonly string[];
    readonly disposition: MailDeliveryError['disposition'];
  }[];
  readonly durationMs: number;
}

/** The module took its last mail, settled what was in flight and closed its connections. */
export interface MailDrainedEvent extends MailEventBase {
  readonly type: 'drained';
  readonly summary: MailDrainSummary;
}

/**
 * What became of a mail after the provider took it. `blocked`: refused without a word against the
 * address; `dropped`: the provider did not try; `other`: see `event`.
 */
export type MailFeedbackKind =
  | 'processed'
  | 'deferred'
  | 'delivered'
  | 'bounced'
  | 'blocked'
  | 'dropped'
  | 'opened'
  | 'clicked'
  | 'complained'
  | 'unsubscribed'
  | 'resubscribed'
  | 'other';

/** One event of a provider's webhook, about one recipient. */
export interface MailFeedback {
  readonly provider: string;
  readonly kind: MailFeedbackKind;
  /** The provider's own word for it. */
  readonly event: string;
  readonly recipient: string;
  /** In milliseconds since the Unix epoch, by the provider's clock. */
  readonly occurredAt: number;
  readonly tags: readonly string[];
  /** The mail's `metadata`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The provider's id of this event; each is told once. */
  readonly eventId?: string;
  /** The mail's Message-ID, where the provider tells it. */
  readonly messageId?: string;
  /** As in the delivery's `remoteId`. */
  readonly remoteId?: string;
  /** The words of the receiving server, or of the provider. */
  readonly reason?: string;
  /** Enhanced status code (RFC 3463). */
  readonly enhancedCode?: string;
  readonly attempt?: number;
  readonly url?: string;
  readonly userAgent?: string;
  readonly ip?: string;
  /** Opened by a program, such as a privacy proxy. */
  readonly byMachine?: boolean;
}

/** A provider's webhook told of a mail (`nestjs-mail-relay/webhooks`). */
export interface MailFeedbackEvent extends MailEventBase, MailFeedback {
  readonly type: 'feedback';
}

/** Every event by its type. */
export interface MailEventMap {
  queued: MailQueuedEvent;
  deferred: MailDeferredEvent;
  dead: MailDeadEvent;
  stalled: MailStalledEvent;
  resumed: MailResumedEvent;
  attempt: MailAttemptEvent;
  hop: MailHopEvent;
  sent: MailSentEvent;
  'attempt-failed': MailAttemptFailedEvent;
  rejected: MailRejectedEvent;
  failed: MailFailedEvent;
  drained: MailDrainedEvent;
  feedback: MailFeedbackEvent;
}

export type MailEventType = keyof MailEventMap;
export type MailEvent = MailEventMap[MailEventType];
