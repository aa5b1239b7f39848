import type { MailError, RejectedRecipient } from '../base/errors.js';
import type { MailMessage } from '../message/message.js';
import type { MailHop } from '../transports/transport.js';

/** What `send` resolves to. */
export interface MailReceipt {
  /** The mail's UUIDv7. */
  readonly id: string;
  /** The Message-ID header, with angle brackets. */
  readonly messageId: string;
  /**
   * `queued`: the relay has stored it durably; `events$` tells what becomes of it. `sent`: the next hop
   * took every recipient. `partial`: it refused some; see `rejected`.
   */
  readonly status: 'queued' | 'sent' | 'partial';
  readonly accepted: readonly string[];
  readonly rejected: readonly RejectedRecipient[];
  /** Every attempt, in order; the last one is the one that carried the mail. Empty when queued. */
  readonly hops: readonly MailHop[];
}

/** What became of one message of `sendMany`. */
export type MailOutcome = {
  /** Its place in the source, from 0. */
  readonly index: number;
  readonly message: MailMessage;
} & (
  | { readonly receipt: MailReceipt; readonly error?: undefined }
  | { readonly error: MailError; readonly receipt?: undefined }
);

/** Whether a transport would take mail now, or whether the relay's storage can be reached. */
export interface MailHealth {
  /** The transport's name; absent for the relay. */
  readonly transport?: string;
  /** The storage's name; absent for a transport. */
  readonly relay?: string;
  readonly ok: boolean;
  readonly durationMs: number;
  /** Why not. */
  readonly error?: Error;
}
