import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { migrate } from './schema.js';
import { loadSqlite, type SqlDatabase, type SqliteDriver, type SqlStatement } from './sqlite.js';

/** How long a process waits for another one's write, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;
/** Pages in the write-ahead log before they go home: 16 MiB. More makes each checkpoint longer, and rarer. */
const CHECKPOINT_PAGES = 4_000;

export interface SpoolFileOptions {
  readonly path: string;
  readonly sqlite?: SqliteDriver;
  /** Most that the file may hold, in bytes. */
  readonly maxBytes?: number;
}

/** The open database of a spool: prepared statements and transactions. */
export class SpoolFile {
  readonly driver: SqliteDriver;
  private readonly db: SqlDatabase;
  private readonly statements = new Map<string, SqlStatement>();

  /** Opens the file, and makes it (mode 600, for mail is private) and its folder if need be. */
  constructor({ path, sqlite, maxBytes }: SpoolFileOptions) {
    const { driver, open } = loadSqlite({ driver: sqlite });
    this.driver = driver;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const isNew = !existsSync(path);
    this.db = open(path);
    try {
      // By its path: closing a descriptor of the file would drop SQLite's locks on it (fcntl).
      // The log and its index, made below, take the same mode.
      if (isNew) chmodSync(path, 0o600);
      this.db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
      this.pragma('journal_mode', 'WAL');
      this.db.exec('PRAGMA synchronous = FULL');
      this.db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      migrate(this.db);
      if (maxBytes !== undefined) {
        const pageSize = Number(this.get('PRAGMA page_size')?.['page_size']);
        this.pragma('max_page_count', Math.max(1, Math.floor(maxBytes / pageSize)));
      }
    } catch (error) {
      this.db.close();
      throw error;
    }
  }

  /** A statement, prepared once. */
  sql(text: string): SqlStatement {
    let statement = this.statements.get(text);
    if (!statement) {
      statement = this.db.prepare(text);
      this.statements.set(text, statement);
    }
    return statement;
  }

  get(text: string): ReturnType<SqlStatement['get']> {
    return this.db.prepare(text).get();
  }

  /** Runs `work` in one transaction that takes the write lock at once; it is durable when this returns. */
  write<T>(work: () => T): T {
    this.sql('BEGIN IMMEDIATE').run();
    try {
      const result = work();
      this.sql('COMMIT').run();
      return result;
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  close(): void {
    try {
      // SQLite does it by itself, unless statements that are still to be collected keep the file open.
      this.pragma('wal_checkpoint', 'TRUNCATE');
    } catch {
      // A full disk, or another process at work: the log is as good as the file.
    }
    this.statements.clear();
    this.db.close();
  }

  private pragma(name: string, value: string | number): void {
    // These answer a row, which some bindings do not take from exec().
    this.db.prepare(`PRAGMA ${name}(${value})`).get();
  }

  /** They are prepared anew. */
  forgetStatements(): void {
    this.statements.clear();
  }

  /** SQLite has rolled back by itself after some errors, a full disk for one. */
  private rollback(): void {
    try {
      this.sql('ROLLBACK').run();
    } catch {
      // No transaction is open any more.
    }
  }
}
