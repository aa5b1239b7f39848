import type {
  MailDisposition,
  MailErrorCode,
  MailError,
  RejectedRecipient,
} from '../base/errors.js';
import type { MailBulkEntry } from '../message/bulk.js';
import type { Mail } from '../message/mail.js';

export interface DeliverOptions {
  /** Stops the attempt for real: the connection or request it uses is torn down if need be. */
  readonly signal?: AbortSignal;
  /** A route calls it with every hop as it ends; other transports never do. */
  readonly onHop?: (hop: MailHop) => void;
}

/** One attempt over one transport, as a receipt records it. */
export interface MailHop {
  readonly transport: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly outcome: 'accepted' | 'partial' | 'failed';
  readonly response?: string;
  readonly remoteId?: string;
  readonly error?: {
    readonly code: MailErrorCode;
    readonly disposition: MailDisposition;
    readonly message: string;
  };
}

/** What the next hop answered for a mail, recipient by recipient. */
export interface MailDelivery {
  /** The name of the transport that carried the mail. */
  readonly transport: string;
  /** Recipients that the next hop took responsibility for; at least one. */
  readonly accepted: readonly string[];
  /** Recipients that it refused while it accepted others. */
  readonly rejected: readonly RejectedRecipient[];
  /** The server's final words. */
  readonly response: string;
  /** The next hop's own id for the mail: its queue id, or `X-Message-Id`. */
  readonly remoteId?: string;
  /** A route fills this in with every transport it tried; otherwise there was one hop, this one. */
  readonly hops?: readonly MailHop[];
}

/** One entry's outcome in a bulk. */
export type MailBulkDelivery = MailDelivery | MailError;

export interface MailBulkOptions {
  readonly signal?: AbortSignal;
  /** A route calls it with every hop of an entry as it ends; other transports never do. */
  readonly onHop?: (entry: MailBulkEntry, hop: MailHop) => void;
  /** Runs what sends a single mail once there is room for it: so many of the caller's may be under way. */
  readonly limit: (send: () => Promise<void>) => Promise<void>;
}

/** How a transport carries many mails that share all but the recipient in few requests. */
export interface MailBulkTransport {
  /** Most entries for one call. */
  readonly size: number;
  /**
   * Every entry's outcome, in their order. What the next hop may have accepted is not sent again.
   * Does not reject.
   */
  deliver(
    shared: Mail,
    entries: readonly MailBulkEntry[],
    options: MailBulkOptions,
  ): Promise<readonly MailBulkDelivery[]>;
}

/**
 * A transport to the next hop. It makes one attempt and never retries by itself what the next hop may
 * have accepted. Constructing one does no I/O.
 */
export interface MailTransport {
  /** Names the transport in logs, receipts and errors; never holds a secret. */
  readonly name: string;
  /** The transports that a route is made of; absent for a transport that leads straight to the next hop. */
  readonly transports?: readonly MailTransport[];
  /**
   * How many mails it can have under way at once, as far as it knows now; a relay's worker keeps that
   * many going. Default 100, minimum 1.
   */
  readonly capacity?: number;
  /**
   * @throws MailDeliveryError when no recipient was accepted, with what that means for the mail.
   */
  deliver(mail: Mail, options?: DeliverOptions): Promise<MailDelivery>;
  /** Only where the transport has a better way than one by one. */
  readonly bulk?: MailBulkTransport;
  /**
   * Asks the next hop whether it would take mail: connects and authenticates, sends nothing.
   * @throws MailDeliveryError with the reason why not.
   */
  verify(options?: DeliverOptions): Promise<void>;
  /**
   * Loads code that the first mail would wait for. Does no other I/O. Absent where there is none.
   * @throws MailDeliveryError (`MAIL_LOAD`)
   */
  preload?(): Promise<void>;
  /** Takes no more work, lets what is in flight finish, closes politely. Idempotent. */
  close(): Promise<void>;
  /** Tears everything down at once; what is in flight fails. Idempotent. */
  destroy(reason?: Error): Promise<void>;
}

const DEFAULT_CAPACITY = 100;

/** How many mails to keep under way on a transport, whether it says so or not; what it says may change. */
export function capacityOf({ capacity = DEFAULT_CAPACITY }: MailTransport): number {
  return Number.isNaN(capacity) ? DEFAULT_CAPACITY : Math.max(1, Math.floor(capacity));
}
