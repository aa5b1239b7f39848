import { statSync } from 'node:fs';

/** Which files a connection holds open. A name may come to mean another one, or none, under its feet. */
export interface Identity {
  readonly file: string;
  readonly log: string;
  readonly index: string;
}

/** By device and inode; SQLite keeps all three as long as a connection is open. */
export function identityOf(path: string): Identity {
  return { file: inodeOf(path), log: inodeOf(`${path}-wal`), index: inodeOf(`${path}-shm`) };
}

/** What a name means now; empty for nothing. */
export function inodeOf(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats ? `${stats.dev}:${stats.ino}` : '';
}
