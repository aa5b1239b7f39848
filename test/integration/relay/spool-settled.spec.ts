import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RelayStats } from '../../../lib/relay/relay.js';
import { SettledJournal } from '../../../lib/relay/spool/settled-journal.js';
import { loadSqlite } from '../../../lib/relay/spool/sqlite.js';
import { SpoolProcess } from '../../fixtures/spool-process.js';
import { eachBinding } from '../../fixtures/sqlite-bindings.js';

const PAGE = 4_096;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(eachBinding)('outcomes that the file cannot take ($sqlite)', ({ sqlite }) => {
  let folder: string;
  let path: string;
  const processes: SpoolProcess[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'spool-settled-'));
    path = join(folder, 'mail.db');
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((one) => one.kill()));
    rmSync(folder, { recursive: true });
  });

  const spool = (): SpoolProcess => {
    const one = new SpoolProcess({ path, sqlite, leaseMs: 1_000 });
    processes.push(one);
    return one;
  };

  async function fill(count: number): Promise<string[]> {
    const writer = spool();
    const ids = await writer.call<string[]>('sendMany', count);
    await writer.call('drain');
    await writer.kill();
    return ids;
  }

  /** Damages the leaf page of the index by id where this mail stands. */
  function wreckIndexOf(id: string): void {
    const file = readFileSync(path);
    let wrecked = 0;
    for (let page = PAGE; page < file.length; page += PAGE) {
      const bytes = file.subarray(page, page + PAGE);
      // A leaf of an index, without any Message-ID: neither a table nor the index of another column.
      if (bytes[0] !== 0x0a || !bytes.includes(id)) continue;
      bytes.fill(0xa5);
      wrecked += 1;
    }
    expect(wrecked).toBeGreaterThan(0);
    writeFileSync(path, file);
  }

  /** As a transport that took all of it, seen over many ends of leases. */
  async function deliver(ids: readonly string[]): Promise<SpoolProcess> {
    const app = spool();
    await app.call('start');
    const since = Date.now();
    while (new Set(app.sent).size < ids.length && Date.now() - since < 20_000) await pause(20);
    await pause(4_000);
    return app;
  }

  it('sends no mail again for a damaged page of the index by id, in this process or the next', async () => {
    const ids = await fill(1_000);
    wreckIndexOf(ids[500]!);
    const app = await deliver(ids);
    expect([...app.sent].sort()).toEqual([...ids].sort());
    await app.kill();
    const next = spool();
    await next.call('start');
    await pause(3_000);
    expect(next.sent).toEqual([]);
    // New mail flows.
    const { id } = await next.call<{ id: string }>('send', 'later');
    const since = Date.now();
    while (next.sent.length === 0 && Date.now() - since < 10_000) await pause(20);
    expect(next.sent).toEqual([id]);
  }, 60_000);

  it('writes beside the file what it refuses, and takes it in once it can', async () => {
    const ids = await fill(50);
    const sql = (text: string) => {
      const db = loadSqlite({ driver: sqlite }).open(path);
      db.exec(text);
      db.close();
    };
    // Leasing works, and recording does not.
    sql(`CREATE TRIGGER no BEFORE DELETE ON jobs BEGIN SELECT raise(ABORT, 'no'); END`);
    const app = await deliver(ids);
    expect(app.sent).toHaveLength(50);
    expect(app.log.join()).toMatch(/Outcomes are not recorded in .*mail\.db-settled/s);
    await app.kill();
    const next = spool();
    await next.call('start');
    await pause(2_500);
    expect(next.sent).toEqual([]);
    sql('DROP TRIGGER no');
    const since = Date.now();
    const stored = async () => {
      const { queued, leased } = await next.call<RelayStats>('stats');
      return queued + leased;
    };
    while ((await stored()) > 0 && Date.now() - since < 10_000) await pause(100);
    expect(await stored()).toBe(0);
    expect(next.sent).toEqual([]);
  }, 60_000);
});

describe('the journal of outcomes', () => {
  it('reads whole lines only, and forgets what is recorded', () => {
    const folder = mkdtempSync(join(tmpdir(), 'settled-'));
    const path = join(folder, 'settled');
    const journal = new SettledJournal(path);
    journal.add([
      { id: 'a', seq: 1, outcome: 'sent' },
      { id: 'b', seq: 2, outcome: 'sent' },
    ]);
    // The power went in the middle of a line.
    writeFileSync(path, readFileSync(path).subarray(0, -5));
    const next = new SettledJournal(path);
    next.refresh();
    expect(next.list().map(({ id }) => id)).toEqual(['a']);
    next.add([{ id: 'c', seq: 3, outcome: 'dead', reason: 'permanent' }]);
    journal.refresh();
    expect(journal.list().map(({ id }) => id)).toEqual(['a', 'c']);
    journal.add([{ id: 'a', seq: 1, outcome: 'recorded' }]);
    next.refresh();
    expect(next.list().map(({ id }) => id)).toEqual(['c']);
    expect(existsSync(path)).toBe(true);
    rmSync(folder, { recursive: true });
  });
});
