import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SmtpTransportOptions } from '../../lib/transports/smtp/options/smtp.options.js';

/** A real server with a store of its own. */
export interface RealServer {
  readonly options: SmtpTransportOptions;
  /** An address that it takes mail for, and one that it refuses at RCPT; `i` is below 10,000. */
  good(i: number): string;
  refused(i: number): string;
  /** What it has stored: for each Message-ID the recipients, one entry for each copy. Waits for `copies`. */
  stored(copies: number): Promise<Map<string, string[]>>;
  /** SIGTERM, as a deployment sends it. */
  terminate?(): void;
  stop(): Promise<void>;
}

export async function folder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'mail-interop-'));
}

export const remove = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true, maxRetries: 5 });

/** Adds a mail to a store by its text. */
export function put(store: Map<string, string[]>, text: string, to: readonly string[]): void {
  const id = /^Message-ID:\s*(<[^>]+>)/im.exec(text)?.[1];
  if (id === undefined) throw new Error(`a stored mail has no Message-ID: ${text.slice(0, 500)}`);
  store.set(id, [...(store.get(id) ?? []), ...to]);
}

export function count(store: ReadonlyMap<string, readonly string[]>): number {
  let copies = 0;
  for (const to of store.values()) copies += to.length;
  return copies;
}

/** Reads again until there are as many copies as are expected, or no more come for a while. */
export async function settled(
  copies: number,
  read: () => Promise<Map<string, string[]>>,
): Promise<Map<string, string[]>> {
  let last = -1;
  for (let idle = 0; idle < 40;) {
    const store = await read();
    const now = count(store);
    if (now >= copies) return store;
    idle = now === last ? idle + 1 : 0;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return read();
}

/** All files below a folder that match. */
export async function filesOf(root: string, pattern: RegExp): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => pattern.test(path));
}

export const textOf = (path: string): Promise<string> => readFile(path, 'latin1');
