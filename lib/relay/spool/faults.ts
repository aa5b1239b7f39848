import { MailRelayError } from '../../base/errors.js';
import { sqlFaultKind, type SqlFaultKind } from './sqlite.js';

/** Beyond what SQLite says: the place of the file is wrong, or its files were moved away under it. */
export type FaultKind = SqlFaultKind | 'place' | 'moved';

/** A failure that the spool found itself; its message says what to do. */
export class SpoolFault extends Error {
  override readonly name = 'SpoolFault';

  constructor(
    readonly kind: FaultKind,
    message: string,
    /** What was written may be there all the same. */
    readonly isUncertain = false,
  ) {
    super(message);
  }
}

/** The commit itself failed: its pages may be on the disk, and are then found after the next start. */
export class CommitError extends Error {
  override readonly name = 'CommitError';

  constructor(override readonly cause: unknown) {
    super(messageOf(cause));
  }
}

export function faultKind(error: unknown): FaultKind {
  if (error instanceof SpoolFault) return error.kind;
  return sqlFaultKind(error instanceof CommitError ? error.cause : error);
}

/** What of a failure travels from the store to its host: plain data. */
export interface StoreFault {
  readonly kind: FaultKind | 'sqlite-missing';
  readonly message: string;
  readonly isUncertain: boolean;
}

const WORDS: Record<FaultKind, string> = {
  full: 'The disk is full, or the spool has reached its `maxBytes`',
  busy: 'Another process holds the spool',
  corrupt:
    'The spool file is damaged, or no SQLite database. Stop what uses it and keep a copy; `PRAGMA quick_check` says where, `sqlite3 FILE .recover | sqlite3 NEW` saves what can be read',
  read: 'The disk does not give back a part of the spool file. Look at the disk; what can be read goes out',
  open: 'The spool file cannot be opened; its folder must exist and be writable',
  place: 'The spool file cannot be used',
  moved: 'The spool file was removed, renamed or replaced while it was in use',
  other: 'The spool failed',
};

export function spoolError(
  { kind, message, isUncertain }: StoreFault & { readonly kind: FaultKind },
  path: string,
): MailRelayError {
  const disposition = isUncertain ? 'unknown' : 'retry';
  return new MailRelayError(`${WORDS[kind]} (${path}: ${message})`, { disposition });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
