import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Owners } from '../../../lib/relay/spool/owners.js';
import { loadSqlite, type SqlDatabase } from '../../../lib/relay/spool/sqlite.js';

describe('owners of leases', () => {
  const { open } = loadSqlite();
  const databases = new Set<SqlDatabase>();
  let folder: string;
  let path: string;
  const remember = (file: string) => {
    const db = open(file);
    // node:sqlite minds a second close; the look at an owner closes its own.
    const once: SqlDatabase = {
      exec: (sql) => db.exec(sql),
      prepare: (sql) => db.prepare(sql),
      close: () => {
        if (databases.delete(once)) db.close();
      },
    };
    databases.add(once);
    return once;
  };
  const owner = (id: string) => new Owners(path, id, remember);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'owners-'));
    path = join(folder, 'mail.db');
  });
  afterEach(() => {
    for (const db of databases) db.close();
    rmSync(folder, { recursive: true });
  });

  /** As if its thread had ended without a word: the lock is gone, the file stays. */
  function dies(id: string): void {
    owner(id).acquire();
    [...databases].at(-1)!.close();
  }

  it('a look at one that seems dead takes nothing from the one that comes back', () => {
    const other = owner('other');
    dies('me');
    expect(other.isDead('me')).toBe(true);
    owner('me').acquire();
    expect(other.bury('me')).toBe(false);
    expect(other.isDead('me')).toBe(false);
    expect(existsSync(`${path}-owner-me`)).toBe(true);
  });

  it('removes the file of one that is dead', () => {
    dies('me');
    expect(owner('other').bury('me')).toBe(true);
    expect(existsSync(`${path}-owner-me`)).toBe(false);
  });
});
