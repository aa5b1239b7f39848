import type { Damage } from './salvage.js';
import type { JobSummary, RelayPriority, Settlement } from '../relay.js';

/** A job as it goes into the file: columns and the body as text. */
export interface NewRow {
  readonly id: string;
  readonly messageId: string;
  /** Empty for the unnamed one. */
  readonly mailer: string;
  readonly priority: RelayPriority;
  readonly queuedAt: number;
  readonly bornAt: number;
  /** Not before; null for now. */
  readonly dueAt: number | null;
  readonly key: string | null;
  readonly digest: string | null;
  readonly body: string;
}

/** The mail that an idempotency key belongs to. */
export interface FirstMail {
  readonly id: string;
  readonly messageId: string;
  readonly digest: string | null;
}

export interface LeasedRow {
  readonly id: string;
  readonly attempts: number;
  readonly unknowns: number;
  readonly bornAt: number;
  readonly size: number;
  /** JSON of the recipients still open. */
  readonly open: string | null;
  /** Null when it is known, or missing, or its checksum is wrong. */
  readonly body: string | null;
}

export interface LeasedRows {
  readonly rows: readonly LeasedRow[];
  /** More rows were due than were leased. */
  readonly more: boolean;
  /** When the next waiting job is due, or a step of upkeep, in milliseconds from now. */
  readonly nextDueInMs: number;
  /** What SQLite says of pages that cannot be read; the rows are those that can. */
  readonly damage?: Damage;
}

export interface RowDetails extends JobSummary {
  readonly open: string | null;
  readonly body: string | null;
}

/** What one step over many rows did. */
export interface StepDone {
  readonly count: number;
  /** Where the next step goes on; absent when it was the last one. */
  readonly next?: number;
}

export type NotSent = Exclude<Settlement, { readonly outcome: 'sent' }>;

export interface StoreOptions {
  readonly path: string;
  readonly sqlite?: 'node:sqlite' | 'better-sqlite3' | 'libsql';
  readonly maxBytes?: number;
  readonly minFreeBytes: number;
  readonly leaseMs: number;
  readonly keepSentMs: number;
  readonly idempotencyTtlMs: number;
  readonly owner: string;
}
