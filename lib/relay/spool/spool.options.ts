import { basename } from 'node:path';
import { OptionReader } from '../../base/option-reader.js';
import type { RelayAsyncOptions } from '../relay-definition.js';
import {
  readRelayOptions,
  RELAY_OPTION_KEYS,
  type RelayOptions,
  type RelayUserOptions,
} from '../relay.options.js';
import { LONGEST_SUFFIX } from './owners.js';
import { SQLITE_DRIVERS, type SqliteDriver } from './sqlite.js';

export interface SpoolOptions extends RelayUserOptions {
  /**
   * The database file, on a local disk; it and its folder are made if need be. Several processes of one
   * machine may share it.
   */
  readonly path: string;
  /**
   * A lease that is not renewed ends after this many milliseconds; processes that died are noticed at
   * once. Default 60,000, minimum 1,000.
   */
  readonly leaseMs?: number;
  /** How often a worker looks for mail of other processes, in milliseconds. Default 500, minimum 10. */
  readonly pollIntervalMs?: number;
  /** How long mail that was sent is kept, in milliseconds. Default 0: removed at once. */
  readonly keepSentMs?: number;
  /** How long an idempotency key is remembered at least, in milliseconds. Default 86,400,000 (1 day). */
  readonly idempotencyTtlMs?: number;
  /** `send` rejects after this many milliseconds without an answer. Default 10,000, minimum 1. */
  readonly timeoutMs?: number;
  /** Largest size of the file, in bytes; `send` rejects beyond it. Default: no limit. Minimum 1,048,576. */
  readonly maxBytes?: number;
  /**
   * `send` rejects while the disk has less than this many bytes free, so that mail can still go out and
   * be recorded. Default 16,777,216 (16 MiB); 0 turns it off.
   */
  readonly minFreeBytes?: number;
  /** Which SQLite. Default: the first of `node:sqlite`, `better-sqlite3`, `libsql` that is there. */
  readonly sqlite?: SqliteDriver;
  /**
   * Whether the database works in a thread of its own, so that the disk never blocks the event loop.
   * Default true. Turn it off in a bundle that cannot carry a worker thread's file.
   */
  readonly thread?: boolean;
}

/** The same with what it takes to make them. */
export type SpoolAsyncOptions = RelayAsyncOptions<SpoolOptions>;

export interface ResolvedSpoolOptions {
  readonly path: string;
  readonly leaseMs: number;
  readonly pollIntervalMs: number;
  readonly keepSentMs: number;
  readonly idempotencyTtlMs: number;
  readonly timeoutMs: number;
  readonly maxBytes?: number;
  readonly minFreeBytes: number;
  readonly sqlite?: SqliteDriver;
  readonly thread: boolean;
  readonly relay: RelayOptions;
}

export const SPOOL_DEFAULTS = {
  leaseMs: 60_000,
  pollIntervalMs: 500,
  keepSentMs: 0,
  idempotencyTtlMs: 86_400_000,
  timeoutMs: 10_000,
  minFreeBytes: 16 * 1024 * 1024,
  thread: true,
} as const;

const KNOWN = ['path', 'maxBytes', 'sqlite', ...Object.keys(SPOOL_DEFAULTS), ...RELAY_OPTION_KEYS];

/** Of a file, in bytes, on all common file systems. */
const LONGEST_NAME = 255;

/** @throws MailConfigurationError */
export function readSpoolOptions(raw: unknown): ResolvedSpoolOptions {
  const reader = new OptionReader('relay', raw, KNOWN);
  const path = reader.string('path');
  if (path === ':memory:' || path.startsWith('file:')) {
    reader.fail('path', 'the path of a file on disk', 'one that SQLite reads as something else');
  }
  const longest = LONGEST_NAME - LONGEST_SUFFIX;
  if (Buffer.byteLength(basename(path)) > longest) {
    // The files beside it could not be made: mail would be taken and never sent.
    reader.fail('path', `a file whose name has at most ${longest} bytes`, 'a longer one');
  }
  const number = (key: Exclude<keyof typeof SPOOL_DEFAULTS, 'thread'>, min: number) =>
    reader.integer(key, SPOOL_DEFAULTS[key], { min });
  return {
    path,
    leaseMs: number('leaseMs', 1_000),
    pollIntervalMs: number('pollIntervalMs', 10),
    keepSentMs: number('keepSentMs', 0),
    idempotencyTtlMs: number('idempotencyTtlMs', 0),
    timeoutMs: number('timeoutMs', 1),
    maxBytes:
      reader.raw('maxBytes') === undefined
        ? undefined
        : reader.integer('maxBytes', 0, { min: 1_048_576 }),
    minFreeBytes: number('minFreeBytes', 0),
    sqlite: reader.raw('sqlite') === undefined ? undefined : reader.oneOf('sqlite', SQLITE_DRIVERS),
    thread: reader.boolean('thread', SPOOL_DEFAULTS.thread),
    relay: readRelayOptions(reader),
  };
}
