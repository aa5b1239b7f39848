import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checksumOf } from '../../lib/relay/spool/intake.js';
import { SpoolRelay } from '../../lib/relay/spool/index.js';
import { readSpoolOptions } from '../../lib/relay/spool/spool.options.js';
import { loadSqlite } from '../../lib/relay/spool/sqlite.js';
import type { MailRelay } from '../../lib/relay/relay.js';
import type { RelayHarness } from './relay-contract.js';

type MakeRelay = (options: Record<string, unknown>) => MailRelay;

/** A spool in a folder of its own, worked on in this thread unless `make` says otherwise. */
export class SpoolHarness implements RelayHarness {
  readonly folder = mkdtempSync(join(tmpdir(), 'mail-spool-'));
  readonly path = join(this.folder, 'queue', 'mail.db');
  private readonly clients: MailRelay[] = [];

  constructor(
    private readonly options: Record<string, unknown> = {},
    private readonly make: MakeRelay = (given) =>
      new SpoolRelay(readSpoolOptions({ thread: false, ...given })),
  ) {}

  async client(options: Record<string, unknown> = {}): Promise<MailRelay> {
    const relay = this.make({ path: this.path, pollIntervalMs: 10, ...this.options, ...options });
    this.clients.push(relay);
    return relay;
  }

  async rewrite(id: string, change: (wire: Record<string, unknown>) => unknown): Promise<void> {
    this.sql((db) => {
      const row = db.prepare('SELECT seq, body FROM jobs JOIN bodies USING (seq) WHERE id = ?');
      const { seq, body } = row.get(id) as { seq: number; body: string };
      const changed = JSON.stringify(change(JSON.parse(body) as Record<string, unknown>));
      // With the right checksum: it must not be what saves us.
      db.prepare('UPDATE bodies SET body = ? WHERE seq = ?').run(changed, seq);
      db.prepare('UPDATE jobs SET checksum = ? WHERE seq = ?').run(checksumOf(id, changed), seq);
    });
  }

  sql<T>(work: (db: ReturnType<ReturnType<typeof loadSqlite>['open']>) => T): T {
    const db = loadSqlite().open(this.path);
    try {
      return work(db);
    } finally {
      db.close();
    }
  }

  async dispose(): Promise<void> {
    await Promise.all(this.clients.map((relay) => relay.close()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
