import type { SqlDatabase } from './sqlite.js';

/** States of a job as stored. Waiting covers scheduled (no attempt yet) and deferred. */
export const READY = 0;
export const WAITING = 1;
export const LEASED = 2;
export const DEAD = 3;
export const SENT = 4;

/**
 * One step for each version; `PRAGMA user_version` counts those taken. Steps are added, never changed.
 *
 * Bodies stand apart, so that a change of state rewrites a short row and not the mail. Each state that
 * is looked for has a partial index: a backlog of scheduled mail costs a lease nothing.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE jobs (
     seq INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     message_id TEXT NOT NULL,
     state INTEGER NOT NULL,
     priority INTEGER NOT NULL,
     queued_at INTEGER NOT NULL,
     born_at INTEGER NOT NULL,
     due_at INTEGER,
     delay_ms INTEGER,
     attempts INTEGER NOT NULL DEFAULT 0,
     size INTEGER NOT NULL,
     checksum INTEGER NOT NULL,
     owner TEXT,
     lease_until INTEGER,
     open TEXT,
     reason TEXT,
     failure TEXT
   );
   CREATE TABLE bodies (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
   CREATE TABLE keys (
     key TEXT PRIMARY KEY,
     id TEXT NOT NULL,
     message_id TEXT NOT NULL,
     expires_at INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX jobs_ready ON jobs (priority, seq) WHERE state = 0;
   CREATE INDEX jobs_waiting ON jobs (due_at) WHERE state = 1;
   CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 2;
   CREATE INDEX jobs_dead ON jobs (seq) WHERE state = 3;
   CREATE INDEX jobs_sent ON jobs (due_at) WHERE state = 4;
   CREATE INDEX keys_expiry ON keys (expires_at);`,
  // Jobs of 0.1.0 have no mailer (NULL), and every mailer may lease them; '' is the unnamed one.
  `ALTER TABLE jobs ADD COLUMN mailer TEXT;
   ALTER TABLE jobs ADD COLUMN unknowns INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE keys ADD COLUMN digest TEXT;
   DROP INDEX jobs_ready;
   CREATE INDEX jobs_ready ON jobs (mailer, priority, seq) WHERE state = 0;`,
  // To free the keys of mail that is discarded.
  `CREATE INDEX keys_mail ON keys (id);`,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings a file to this release's schema. @throws Error when a newer release wrote it. */
export function migrate(db: SqlDatabase): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
    if (version > SCHEMA_VERSION) {
      throw new Error(
        `The spool has schema ${version}, written by a newer release; this one knows ${SCHEMA_VERSION}`,
      );
    }
    for (const step of MIGRATIONS.slice(version)) db.exec(step);
    if (version < SCHEMA_VERSION) db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    db.exec('COMMIT');
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}
