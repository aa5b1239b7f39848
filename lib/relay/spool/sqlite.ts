import { createRequire } from 'node:module';
import { join } from 'node:path';
import { MailConfigurationError } from '../../base/errors.js';

/** A value that SQLite stores and returns. */
export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, SqlValue | undefined>>;

/** The little of a SQLite binding that the spool uses; all three packages agree on it. */
export interface SqlStatement {
  run(...values: SqlValue[]): {
    readonly changes: number | bigint;
    readonly lastInsertRowid: number | bigint;
  };
  get(...values: SqlValue[]): SqlRow | undefined;
  all(...values: SqlValue[]): SqlRow[];
}

export interface SqlDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqlStatement;
  close(): void;
}

export type SqliteDriver = 'node:sqlite' | 'better-sqlite3' | 'libsql';
export const SQLITE_DRIVERS: readonly SqliteDriver[] = ['node:sqlite', 'better-sqlite3', 'libsql'];

type Constructor = new (path: string) => SqlDatabase;
type Require = (name: string) => unknown;

/** What to tell somebody who has none, for the Node that runs. */
function fixFor(nodeMajor: number): string {
  return nodeMajor >= 22
    ? 'node:sqlite of Node 22.13 or newer, or an installed package: npm install better-sqlite3'
    : `an installed SQLite, which Node ${nodeMajor} does not bring along: npm install libsql (or better-sqlite3@12, or run Node 22.13 or newer)`;
}

/** better-sqlite3 13 needs Node 22 and crashes the process on 20, so its version is read before it is loaded. */
function betterSqlite3(load: Require, nodeMajor: number): Constructor {
  const { version } = load('better-sqlite3/package.json') as { version: string };
  if (nodeMajor < 22 && Number(version.split('.')[0]) >= 13) {
    throw new Error(`better-sqlite3 ${version} needs Node 22; npm install better-sqlite3@12`);
  }
  return load('better-sqlite3') as Constructor;
}

function libsql(load: Require): Constructor {
  const loaded = load('libsql') as Constructor & { readonly default?: Constructor };
  return loaded.default ?? loaded;
}

const LOADERS: Record<SqliteDriver, (load: Require, nodeMajor: number) => Constructor> = {
  'node:sqlite': (load) =>
    (load('node:sqlite') as { readonly DatabaseSync: Constructor }).DatabaseSync,
  'better-sqlite3': betterSqlite3,
  libsql,
};

export interface LoadSqliteOptions {
  /** Only this one. Default: the first that is there. */
  readonly driver?: SqliteDriver;
  readonly load?: Require;
  readonly nodeVersion?: string;
}

/** A bundle in CommonJS has no `import.meta.url`; there the app's folder is where packages are looked for. */
function requireOfThis(): Require {
  const { url } = import.meta as { readonly url?: string };
  return createRequire(url ?? join(process.cwd(), 'app.js'));
}

/**
 * The SQLite that this process has: `node:sqlite`, better-sqlite3 or libsql, in this order.
 * @throws MailConfigurationError with the exact fix where there is none.
 */
export function loadSqlite(options: LoadSqliteOptions = {}): {
  readonly driver: SqliteDriver;
  readonly open: (path: string) => SqlDatabase;
} {
  const load = options.load ?? requireOfThis();
  const nodeMajor = Number((options.nodeVersion ?? process.versions.node).split('.')[0]);
  const reasons: string[] = [];
  for (const driver of options.driver ? [options.driver] : SQLITE_DRIVERS) {
    try {
      const Database = LOADERS[driver](load, nodeMajor);
      return { driver, open: (path) => new Database(path) };
    } catch (error) {
      const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      reasons.push(`${driver}: ${why}`);
    }
  }
  throw new MailConfigurationError(
    'relay.sqlite',
    fixFor(nodeMajor),
    `none that loads (${reasons.join('; ')})`,
  );
}

export type SqlFaultKind = 'full' | 'busy' | 'corrupt' | 'read' | 'open' | 'other';

// https://www.sqlite.org/rescode.html
const BUSY = 5;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;
const KINDS: Record<number, SqlFaultKind> = {
  [BUSY]: 'busy',
  [CORRUPT]: 'corrupt',
  [FULL]: 'full',
  [CANTOPEN]: 'open',
  [NOTADB]: 'corrupt',
};
const NAMES: Record<string, number> = { BUSY, CORRUPT, FULL, CANTOPEN, NOTADB };
/** The disk gave no bytes, too few, or wrong ones: IOERR_READ, _SHORT_READ, _DATA and _CORRUPTFS. */
const READ_ERRORS: ReadonlySet<unknown> = new Set([266, 522, 8202, 8458]);
const READ_NAMES = /^SQLITE_IOERR_(READ|SHORT_READ|DATA|CORRUPTFS)$/;

/** What kind of failure an error of any of the bindings is. */
export function sqlFaultKind(error: unknown): SqlFaultKind {
  const { errcode, rawCode, code, message } = (error ?? {}) as Record<string, unknown>;
  const number = typeof errcode === 'number' ? errcode : rawCode;
  if (READ_ERRORS.has(number)) return 'read';
  if (typeof number === 'number') return KINDS[number & 0xff] ?? 'other';
  if (typeof code === 'string' && READ_NAMES.test(code)) return 'read';
  const name = typeof code === 'string' ? /^SQLITE_([A-Z]+)/.exec(code)?.[1] : undefined;
  if (name !== undefined) return KINDS[NAMES[name] ?? -1] ?? 'other';
  return typeof message === 'string' && /unable to open/i.test(message) ? 'open' : 'other';
}
