import { lstat, readlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The calls whose answers a race could tell apart. */
export interface FileCalls {
  readonly lstat: (path: string) => Promise<Identity>;
  readonly readlink: (path: string) => Promise<string>;
}

interface Identity {
  readonly dev: number;
  readonly ino: number;
  isSymbolicLink(): boolean;
}

export const FILE_CALLS: FileCalls = { lstat: (path) => lstat(path), readlink };

/** What leads to a file, from its allowed folder down; `undefined` where a part of it is a link, or gone. */
export type Trail = readonly Identity[];

/**
 * Where the file lies that was opened, as the kernel says: its names may have been changed since. `undefined` where
 * there is no `/proc`, as outside Linux.
 */
export async function placeOf(file: FileHandle, calls: FileCalls): Promise<string | undefined> {
  const place = await calls.readlink(`/proc/self/fd/${file.fd}`).catch(() => undefined);
  return place?.startsWith('/') ? place : undefined;
}

/** Looks at every part of `real` below `folder`, the outermost first. */
export async function trailOf(
  folder: string,
  real: string,
  calls: FileCalls,
): Promise<Trail | undefined> {
  const names: string[] = [];
  for (let name = real; name.length > folder.length; name = dirname(name)) names.unshift(name);
  const trail: Identity[] = [];
  for (const name of [folder, ...names]) {
    const found = await calls.lstat(name).catch(() => undefined);
    if (!found || found.isSymbolicLink()) return undefined;
    trail.push(found);
  }
  return trail;
}

/** Whether nothing on the way was changed, and the way ends at what was opened. */
export function leadsTo(
  before: Trail | undefined,
  after: Trail | undefined,
  opened: Pick<Identity, 'dev' | 'ino'>,
): boolean {
  if (!after || before?.length !== after.length) return false;
  const unchanged = after.every((part, index) => same(part, before[index]!));
  return unchanged && same(after.at(-1)!, opened);
}

function same(a: Pick<Identity, 'dev' | 'ino'>, b: Pick<Identity, 'dev' | 'ino'>): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}
