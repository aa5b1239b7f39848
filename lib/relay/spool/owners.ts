import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { inodeOf } from './identity.js';
import { makePrivate } from './spool-place.js';
import type { SqlDatabase } from './sqlite.js';

/** Between the spool's name and the owner's id. */
const MARK = '-owner-';
/** What a file's name may have beside the spool's own: an owner's id is the longest. */
export const LONGEST_SUFFIX = MARK.length + 36;

/**
 * Tells a process that died from one that is slow: each owner of leases holds a lock on a small file
 * of its own, which the system lets go of when the process ends, however it ends. A SQLite database is
 * that file, for Node has no file locks of its own; it works across containers on one kernel, where
 * process ids do not.
 */
export class Owners {
  private mine?: { readonly lock: SqlDatabase; readonly inode: string };

  constructor(
    private readonly path: string,
    readonly id: string,
    private readonly openDatabase: (path: string) => SqlDatabase,
  ) {}

  /** Not where the file was removed: everybody else takes its owner for dead then. */
  get isMine(): boolean {
    return this.mine?.inode === inodeOf(this.fileOf(this.id));
  }

  /**
   * Before the first lease, and inside a write of the spool, as `bury`: a file that is removed in the
   * very moment it is locked would be a lock that nobody sees.
   */
  acquire(): void {
    if (this.isMine) return;
    this.mine?.lock.close();
    this.mine = undefined;
    const file = this.fileOf(this.id);
    makePrivate(file);
    const lock = this.openDatabase(file);
    lock.exec('BEGIN EXCLUSIVE');
    this.mine = { lock, inode: inodeOf(file) };
  }

  /** Whether the process that leased as `id` seems gone. */
  isDead(id: string): boolean {
    if (id === this.id) return false;
    // Not a path of our making: no file tells, so only the lease's end does.
    if (!/^[\w-]{1,64}$/.test(id)) return false;
    const file = this.fileOf(id);
    // Its owner, or who found it dead, has removed it.
    if (!existsSync(file)) return true;
    const probe = this.openDatabase(file);
    try {
      probe.exec('PRAGMA busy_timeout = 0');
      probe.exec('BEGIN EXCLUSIVE');
    } catch {
      probe.close();
      return false;
    }
    probe.close();
    return true;
  }

  /** Removes what a process left that is gone. Inside a write of the spool. Returns whether it is gone. */
  bury(id: string): boolean {
    // Its thread may have come back since it was looked at.
    if (!this.isDead(id)) return false;
    rmSync(this.fileOf(id), { force: true });
    return true;
  }

  release(): void {
    if (!this.mine) return;
    rmSync(this.fileOf(this.id), { force: true });
    this.mine.lock.close();
    this.mine = undefined;
  }

  /** Removes what processes left that are gone, whether they held anything or not. Inside a write, as `bury`. */
  sweep(): void {
    const prefix = `${basename(this.path)}${MARK}`;
    for (const name of readdirSync(dirname(this.path))) {
      if (name.startsWith(prefix)) this.bury(name.slice(prefix.length));
    }
  }

  private fileOf(id: string): string {
    return `${this.path}${MARK}${id}`;
  }
}
