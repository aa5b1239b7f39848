import { accessSync, closeSync, constants, lstatSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf, SpoolFault } from './faults.js';

const OTHERS_WRITE = 0o002;
const OTHERS_READ = 0o077;

/**
 * Makes the file (mode 600 from its first moment, for mail is private) and its folder if need be. SQLite
 * gives the log and its index the mode of the file.
 * @throws SpoolFault for a place that cannot be written, or that somebody else may write.
 */
export function preparePlace(path: string, tell: (notice: string) => void): void {
  if (makePlace(path)) return;
  const { R_OK, W_OK } = constants;
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) {
    throw new SpoolFault('place', `it is a symbolic link; give the path that it points to`);
  }
  if (!stats.isFile()) throw new SpoolFault('place', 'it is no file');
  try {
    accessSync(path, R_OK | W_OK);
  } catch (error) {
    throw new SpoolFault('place', `this process may not read and write it: ${messageOf(error)}`);
  }
  // Windows has other rights than these.
  if (process.geteuid === undefined) return;
  const mode = (stats.mode & 0o777).toString(8);
  if (stats.mode & OTHERS_WRITE) {
    const fix = 'look for mail that is none of yours, then chmod 600';
    throw new SpoolFault('place', `everybody may write it (mode ${mode}); ${fix}`);
  }
  if (stats.mode & OTHERS_READ) {
    tell(`The spool file ${path} may be read by others (mode ${mode}); chmod 600 it`);
  }
  if (stats.uid !== process.geteuid()) {
    tell(
      `The spool file ${path} belongs to user ${stats.uid}, and this process runs as user ${process.geteuid()}; chown it, or run both as one user`,
    );
  }
}

/** Returns whether the file is new. */
function makePlace(path: string): boolean {
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK | constants.X_OK);
    return makePrivate(path);
  } catch (error) {
    const fix = 'it must be a folder that this process may write';
    throw new SpoolFault('place', `its folder ${folder} is not to be used: ${messageOf(error)}; ${fix}`); // prettier-ignore
  }
}

/**
 * Makes an empty file that nobody else may read, which SQLite takes for a new database. Returns false where
 * one is there already: closing a descriptor of a file in use would drop SQLite's locks on it (fcntl).
 */
export function makePrivate(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
