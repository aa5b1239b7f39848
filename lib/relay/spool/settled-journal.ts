import { closeSync, fsyncSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { sync } from './spool-file.js';
import type { SqlValue } from './sqlite.js';

/** How an attempt ended, as far as the file could not take it. */
export interface SettledEntry {
  readonly id: string;
  readonly seq: SqlValue;
  /** `recorded`: the file has taken it after all; nothing before it counts any more. */
  readonly outcome: 'sent' | 'deferred' | 'dead' | 'recorded';
  readonly attempts?: number;
  readonly unknowns?: number;
  /** Of deferred mail, in milliseconds since the Unix epoch. */
  readonly dueAt?: number;
  readonly delayMs?: number;
  /** JSON, as in the file. */
  readonly open?: string | null;
  readonly reason?: string;
  readonly failure?: string;
}

/** A journal is removed only when nothing was added for so long, in milliseconds: others may be adding. */
const QUIET_MS = 60_000;

/**
 * Remembers beside the file what could not be recorded in it, so that no mail goes out again for that,
 * in this process or a later one. One line for each outcome, with its checksum; a line that was cut
 * short does not count. There is none as long as the file is well.
 */
export class SettledJournal {
  private readonly entries = new Map<string, SettledEntry>();
  private version = '';

  constructor(readonly path: string) {}

  /** Reads what other processes have added. */
  refresh(): void {
    const stats = statSync(this.path, { throwIfNoEntry: false });
    const version = stats ? `${stats.ino}:${stats.size}:${stats.mtimeMs}` : '';
    if (version === this.version) return;
    this.entries.clear();
    if (stats) for (const entry of readEntries(this.path)) this.take(entry);
    this.version = version;
  }

  get size(): number {
    return this.entries.size;
  }

  get(id: string): SettledEntry | undefined {
    return this.entries.get(id);
  }

  list(): readonly SettledEntry[] {
    return [...this.entries.values()];
  }

  /** On the disk when this returns. */
  add(entries: readonly SettledEntry[]): void {
    this.refresh();
    const lines = entries.map((entry) => {
      const json = JSON.stringify(entry);
      return `${crc32(json)} ${json}\n`;
    });
    const isNew = this.version === '';
    // A line that was cut short ends here.
    const bytes = Buffer.from(`\n${lines.join('')}`);
    const descriptor = openSync(this.path, 'a', 0o600);
    try {
      if (writeSync(descriptor, bytes) < bytes.length) throw new Error('Not all of it was written');
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (isNew) sync(dirname(this.path));
    this.refresh();
  }

  /** Removes the journal once the file has taken all that stood in it. */
  tidy(): void {
    const stats = statSync(this.path, { throwIfNoEntry: false });
    if (!stats || this.size > 0 || Date.now() - stats.mtimeMs < QUIET_MS) return;
    rmSync(this.path, { force: true });
    this.version = '';
  }

  private take(entry: SettledEntry): void {
    if (entry.outcome === 'recorded') this.entries.delete(entry.id);
    else this.entries.set(entry.id, entry);
  }
}

function readEntries(path: string): SettledEntry[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const at = line.indexOf(' ');
      const json = line.slice(at + 1);
      if (at < 0 || String(crc32(json)) !== line.slice(0, at)) return [];
      return [JSON.parse(json) as SettledEntry];
    });
}
