import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { FILE_CALLS, leadsTo, placeOf, trailOf, type FileCalls } from './opened-place.js';
import type { TextFault } from '../text.js';

const CALLS = { ...FILE_CALLS, open, realpath };

const NOT_ALLOWED: TextFault = {
  problem: "names a file outside the folders that the module's `content.paths` allows",
  fix: 'Give the bytes as `content`, or allow the folder',
};
const NOT_READABLE: TextFault = {
  problem: 'names no regular file that can be read',
  fix: 'Check that the file is there, and that the process may read it',
};

function isUnder(file: string, folder: string): boolean {
  return file.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

async function realFolders(folders: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    folders.map((folder) => realpath(resolve(folder)).catch(() => undefined)),
  );
  return found.filter((folder) => folder !== undefined);
}

async function readCapped(file: FileHandle, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let total = 0;
  // The size that stat gave is no promise: the file may grow meanwhile.
  for (;;) {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    const { bytesRead } = await file.read(chunk, 0, chunk.length);
    if (bytesRead === 0) return Buffer.concat(chunks, total);
    total += bytesRead;
    if (total > maxBytes) return undefined;
    chunks.push(chunk.subarray(0, bytesRead));
  }
}

/**
 * Reads a regular file that really lies, links resolved, under one of `folders`. What counts is where the file lies
 * that was opened, not what its name led to before: a folder may be renamed, or swapped for a link, at any moment.
 */
export async function loadFile(
  path: string,
  folders: readonly string[],
  maxBytes: number,
  calls: FileCalls & { readonly open: typeof open; readonly realpath: typeof realpath } = CALLS,
): Promise<Buffer | TextFault> {
  const allowed = await realFolders(folders);
  // Of a path that is outside to begin with, not even its existence is told.
  const named = resolve(path);
  const lexical = folders.some((folder) => isUnder(named, resolve(folder)));
  const real = await calls.realpath(named).catch(() => undefined);
  if (real === undefined) return lexical ? NOT_READABLE : NOT_ALLOWED;
  const root = allowed.find((folder) => isUnder(real, folder));
  if (root === undefined) return NOT_ALLOWED;
  let file: FileHandle | undefined;
  try {
    const before = await trailOf(root, real, calls);
    // NOFOLLOW: a link put in place of the file meanwhile; NONBLOCK: a pipe would hang the open.
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    file = await calls.open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const opened = await file.stat();
    const place = await placeOf(file, calls);
    const inside =
      place === undefined
        ? leadsTo(before, await trailOf(root, real, calls), opened)
        : allowed.some((folder) => isUnder(place, folder));
    if (!inside) return NOT_ALLOWED;
    if (!opened.isFile()) return NOT_READABLE;
    const bytes = opened.size > maxBytes ? undefined : await readCapped(file, maxBytes);
    return (
      bytes ?? {
        problem: `is larger than the ${maxBytes} bytes that are left`,
        fix: 'Send a link instead, or raise the size limit',
      }
    );
  } catch {
    return NOT_READABLE;
  } finally {
    await file?.close();
  }
}
