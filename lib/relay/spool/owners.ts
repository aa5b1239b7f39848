import { existsSync, rmSync } from 'node:fs';
import type { SqlDatabase } from './sqlite.js';

/**
 * Tells a process that died from one that is slow: each owner of leases holds a lock on a small file
 * of its own, which the system lets go of when the process ends, however it ends. A SQLite database is
 * that file, for Node has no file locks of its own; it works across containers on one kernel, where
 * process ids do not.
 */
export class Owners {
  private mine?: SqlDatabase;

  constructor(
    private readonly path: string,
    readonly id: string,
    private readonly openDatabase: (path: string) => SqlDatabase,
  ) {}

  get isMine(): boolean {
    return this.mine !== undefined;
  }

  /**
   * Before the first lease, and inside a write of the spool, as `bury`: a file that is removed in the
   * very moment it is locked would be a lock that nobody sees.
   */
  acquire(): void {
    if (this.mine) return;
    const lock = this.openDatabase(this.fileOf(this.id));
    lock.exec('BEGIN EXCLUSIVE');
    this.mine = lock;
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

  /** Removes what a process left that is gone. Inside a write of the spool. Answers whether it is gone. */
  bury(id: string): boolean {
    // Its thread may have come back since it was looked at.
    if (!this.isDead(id)) return false;
    rmSync(this.fileOf(id), { force: true });
    return true;
  }

  release(): void {
    if (!this.mine) return;
    rmSync(this.fileOf(this.id), { force: true });
    this.mine.close();
    this.mine = undefined;
  }

  private fileOf(id: string): string {
    return `${this.path}-owner-${id}`;
  }
}
