import { performance } from 'node:perf_hooks';
import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommitError } from './faults.js';
import { identityOf, type Identity } from './identity.js';
import { migrate } from './schema.js';
import { makePrivate, preparePlace } from './spool-place.js';
import { loadSqlite, type SqlDatabase, type SqliteDriver, type SqlStatement } from './sqlite.js';

/** How long a process waits for another one's write, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;
/** Pages in the write-ahead log before they go home: 16 MiB. More makes each checkpoint longer, and rarer. */
const CHECKPOINT_PAGES = 4_000;

/** A file with a damaged page fails often, and a new connection does not mend that, in milliseconds. */
const RENEW_EVERY_MS = 100;

export interface SpoolFileOptions {
  readonly path: string;
  readonly sqlite?: SqliteDriver;
  /** Most that the file may hold, in bytes. */
  readonly maxBytes?: number;
}

/** The open database of a spool: prepared statements and transactions. */
export class SpoolFile {
  readonly path: string;
  readonly driver: SqliteDriver;
  private openFiles: Identity;
  private renewedAt = Number.NEGATIVE_INFINITY;
  private db: SqlDatabase;
  private readonly statements = new Map<string, SqlStatement>();

  /** Opens the file, and makes it and its folder if need be. `tell` hears of what is not as it should be. */
  constructor(
    private readonly options: SpoolFileOptions,
    tell: (notice: string) => void,
  ) {
    const { path, sqlite } = options;
    this.path = path;
    this.driver = loadSqlite({ driver: sqlite }).driver;
    preparePlace(path, tell);
    this.db = this.connect();
    try {
      migrate(this.db);
      this.openFiles = identityOf(path);
    } catch (error) {
      this.db.close();
      throw error;
    }
  }

  /** Of the files that are open. */
  get identity(): Identity {
    return this.openFiles;
  }

  /** Whether the path still means the files that are open. */
  get isInPlace(): boolean {
    const { file, log, index } = this.openFiles;
    const now = identityOf(this.path);
    // Without a name for its index other processes would work with one of their own.
    return index !== '' && now.file === file && now.log === log && now.index === index;
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

  /**
   * Runs `work` in one transaction that takes the write lock at once; it is durable when this returns.
   * @throws CommitError when the commit failed, so that it may be durable all the same.
   */
  write<T>(work: () => T): T {
    this.sql('BEGIN IMMEDIATE').run();
    let result: T;
    try {
      result = work();
    } catch (error) {
      this.rollback();
      throw error;
    }
    try {
      this.sql('COMMIT').run();
    } catch (error) {
      this.rollback();
      throw new CommitError(error);
    }
    return result;
  }

  /** Reads over a connection of its own, which has none of the pages that this one has read. */
  readAnew<T>(read: (db: SqlDatabase) => T): T {
    const db = loadSqlite({ driver: this.driver }).open(this.path);
    try {
      return read(db);
    } finally {
      db.close();
    }
  }

  /** Writes all that is in the log into the file. Returns whether it could. */
  checkpoint(): boolean {
    return this.get('PRAGMA wal_checkpoint(TRUNCATE)')?.['busy'] === 0;
  }

  /** A copy of all that is stored, on the disk when this returns; `target` must not be there. */
  copyTo(target: string): void {
    if (!makePrivate(target)) throw new Error(`${target} is there already`);
    try {
      this.db.prepare('VACUUM INTO ?').run(target);
      sync(target);
    } catch (error) {
      rmSync(target, { force: true });
      throw error;
    }
    sync(dirname(target));
  }

  close(): void {
    try {
      // SQLite does it by itself, unless statements that are still to be collected keep the file open.
      this.checkpoint();
    } catch {
      // A full disk, or another process at work: the log is as good as the file.
    }
    this.statements.clear();
    this.db.close();
  }

  /**
   * Connects anew after a failure: a connection keeps a page that it has read wrong, and a statement of
   * libsql that has failed once fails for good.
   */
  renew(): void {
    this.statements.clear();
    const now = performance.now();
    if (now - this.renewedAt < RENEW_EVERY_MS || !this.isInPlace) return;
    this.renewedAt = now;
    const failed = this.db;
    this.db = this.connect();
    this.openFiles = identityOf(this.path);
    failed.close();
  }

  private connect(): SqlDatabase {
    const { path, maxBytes } = this.options;
    const db = loadSqlite({ driver: this.driver }).open(path);
    // These return a row, which some bindings do not take from exec().
    const pragma = (name: string, value: string | number) =>
      db.prepare(`PRAGMA ${name}(${value})`).get();
    try {
      db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
      pragma('journal_mode', 'WAL');
      db.exec('PRAGMA synchronous = FULL');
      db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      if (maxBytes !== undefined) {
        const pageSize = Number(db.prepare('PRAGMA page_size').get()?.['page_size']);
        pragma('max_page_count', Math.max(1, Math.floor(maxBytes / pageSize)));
      }
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** SQLite has rolled back by itself after some errors, a full disk for one. */
  private rollback(): void {
    try {
      this.db.prepare('ROLLBACK').run();
    } catch {
      // No transaction is open any more.
    }
  }
}

/** What was written to a file, or in a folder, is on the disk when this returns. */
export function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
