import type { RejectedRecipient } from './errors.js';
import type { MailHop } from './transports/transport.js';

/** What `send` resolves to. */
export interface MailReceipt {
  /** The mail's UUIDv7. */
  readonly id: string;
  /** The Message-ID header, with angle brackets. */
  readonly messageId: string;
  /** `sent`: the next hop took every recipient. `partial`: it refused some; see `rejected`. */
  readonly status: 'sent' | 'partial';
  readonly accepted: readonly string[];
  readonly rejected: readonly RejectedRecipient[];
  /** Every attempt, in order; the last one is the one that carried the mail. */
  readonly hops: readonly MailHop[];
}

/** Whether a road would take mail now. */
export interface MailHealth {
  readonly road: string;
  readonly ok: boolean;
  readonly durationMs: number;
  /** Why not. */
  readonly error?: Error;
}
