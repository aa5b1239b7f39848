import type { DeadReason, JobFailure, JobState, RelayPriority, Settlement } from '../relay.js';

/** A job as it goes into the file: columns and the body as text. */
export interface NewRow {
  readonly id: string;
  readonly messageId: string;
  readonly priority: RelayPriority;
  readonly queuedAt: number;
  readonly bornAt: number;
  /** Not before; null for now. */
  readonly dueAt: number | null;
  readonly key: string | null;
  readonly body: string;
}

export interface Ids {
  readonly id: string;
  readonly messageId: string;
}

export interface LeasedRow {
  readonly id: string;
  readonly attempts: number;
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
  /** When the next waiting job is due, in milliseconds from now. */
  readonly nextDueInMs?: number;
  /** What SQLite says of pages that cannot be read; the rows are those that can. */
  readonly damage?: string;
}

export interface RowSummary {
  readonly id: string;
  readonly messageId: string;
  readonly state: JobState;
  readonly priority: RelayPriority;
  readonly attempts: number;
  readonly queuedAt: number;
  readonly dueAt?: number;
  readonly reason?: DeadReason;
  readonly failure?: JobFailure;
}

export interface RowDetails extends RowSummary {
  readonly open: string | null;
  readonly body: string | null;
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
