import { linkSync, rmSync } from 'node:fs';
import { messageOf } from './faults.js';
import { identityOf, inodeOf } from './identity.js';
import type { SpoolFile } from './spool-file.js';

/** What became of a spool whose files were taken away while they were open. */
export type Rescued =
  /** The path means a spool with all of its mail again, to be opened anew. */
  | { readonly isBack: true; readonly notice?: string }
  /** The path means another file; what was stored is in a copy, if it could be made. */
  | { readonly isBack: false; readonly problem: string; readonly copy?: string };

/**
 * Saves what only the open connection can still reach: a name that is gone does not take the open file
 * with it. The caller closes that connection afterwards: SQLite leaves log and index alone then, as the
 * file has moved.
 */
export function rescue(file: SpoolFile): Rescued {
  const { path, identity } = file;
  const now = identityOf(path);
  if (now.file === identity.file) return intoTheFile(file);
  // Another file must not be read together with this one's log.
  if (now.log === identity.log) rmSync(`${path}-wal`, { force: true });
  if (now.index === identity.index) rmSync(`${path}-shm`, { force: true });
  if (now.file !== '' && wasPutThereFor(file)) return { isBack: true };
  const copy = `${path}-saved-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
  try {
    mark(file);
    file.copyTo(copy);
    if (now.file !== '' || !put(copy, path)) return { isBack: false, ...replaced(copy) };
  } catch (error) {
    rmSync(copy, { force: true });
    const problem = `and its mail cannot be saved: ${messageOf(error)}. Keep this process running, and make the folder writable, with room for a copy`;
    return { isBack: false, problem };
  }
  const notice = `The spool file ${path} was removed or renamed while it was in use; its mail is saved, in a new file of that name. Do not use the renamed one: its mail would be sent again`;
  return { isBack: true, notice };
}

/** The log or its index is gone, the file is not. */
function intoTheFile(file: SpoolFile): Rescued {
  const { path } = file;
  if (!file.checkpoint()) {
    const problem = `its log (${path}-wal) is no longer there, and another process is at work on it. Restart what uses the spool`;
    return { isBack: false, problem };
  }
  const notice = `The log of the spool (${path}-wal, ${path}-shm) was removed or replaced while it was in use; its mail is saved, in ${path}. These files belong together: stop the app before any of them is touched`;
  return { isBack: true, notice };
}

function replaced(copy: string): { readonly problem: string; readonly copy: string } {
  const problem = `another file is in its place. Its mail is in ${copy}. Restart the app to work on the new file; an app with that path, or moving the saved file back while the app is stopped, sends what is saved`;
  return { problem, copy };
}

/** Puts the copy in the file's place. Returns false when somebody else's is there. */
function put(copy: string, path: string): boolean {
  try {
    linkSync(copy, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  rmSync(copy, { force: true });
  return true;
}

/** A copy knows what it is a copy of, so that the other processes of the file find it, too. */
function mark(file: SpoolFile): void {
  file.write(() => {
    file.sql('CREATE TABLE IF NOT EXISTS copied_from (inode TEXT PRIMARY KEY)').run();
    file.sql('INSERT OR IGNORE INTO copied_from VALUES (?)').run(file.identity.file);
  });
}

/** Whether another process of the file has put a copy there. */
function wasPutThereFor(file: SpoolFile): boolean {
  try {
    return file.readAnew((db) => {
      const found = db.prepare('SELECT 1 FROM copied_from WHERE inode = ?').get(file.identity.file);
      return found !== undefined && inodeOf(file.path) !== '';
    });
  } catch {
    // Not a spool, or one that was never copied.
    return false;
  }
}
