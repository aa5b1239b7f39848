import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RelayStats } from '../../../lib/relay/relay.js';
import { FailingDisk } from '../../fixtures/failing-disk.js';
import { SpoolProcess } from '../../fixtures/spool-process.js';
import { eachBinding } from '../../fixtures/sqlite-bindings.js';

describe.each(eachBinding)('a spool on a disk that fails ($sqlite)', ({ sqlite }) => {
  let disk: FailingDisk;
  let folder: string;
  const processes: SpoolProcess[] = [];
  beforeAll(() => {
    disk = new FailingDisk();
  });
  afterAll(() => disk.remove());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'spool-disk-'));
  });
  afterEach(async () => {
    disk.mend();
    await Promise.all(processes.splice(0).map((one) => one.kill()));
    rmSync(folder, { recursive: true });
  });

  const spool = (options: Record<string, unknown> = {}): SpoolProcess => {
    const path = join(folder, 'mail.db');
    const one = new SpoolProcess({ path, sqlite, ...options }, disk.env);
    processes.push(one);
    return one;
  };

  async function until(condition: () => boolean): Promise<void> {
    for (const since = Date.now(); !condition() && Date.now() - since < 20_000;) await pause(10);
    expect(condition()).toBe(true);
  }
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  it.each([true, false])(
    'does not say of a mail whose sync failed that it was not stored (thread %p)',
    async (thread) => {
      const app = spool({ thread });
      await app.call('send', 'before');
      disk.fail({ call: 'sync', name: 'mail.db-wal' });
      const { error } = await app.ask('send', 'doubtful', 'key:1');
      expect(error).toMatchObject({ code: 'MAIL_RELAY', disposition: 'unknown' });
      disk.mend();
      await app.kill();
      // It is there indeed.
      const next = spool({ thread });
      expect(await next.call<RelayStats>('stats')).toMatchObject({ queued: 2 });
      // The retry with its key finds it.
      const { id } = await next.call<{ id: string }>('send', 'doubtful', 'key:1');
      await next.call('start');
      await until(() => next.sent.includes(id));
      await pause(200);
      expect(next.sent).toHaveLength(2);
    },
  );

  it('delivers once what was sent again with its key after its sync had failed', async () => {
    const app = spool();
    await app.call('send', 'before');
    disk.fail({ call: 'sync', name: 'mail.db-wal' });
    await app.ask('send', 'doubtful', 'key:1');
    disk.mend();
    const { id } = await app.call<{ id: string }>('send', 'doubtful', 'key:1');
    await app.kill();
    const next = spool();
    await next.call('start');
    await until(() => next.sent.includes(id));
    await pause(200);
    expect(next.sent).toHaveLength(2);
  });

  it.each(['read', 'short'] as const)('takes mail again after a failed %s', async (call) => {
    const [app, other] = [spool(), spool()];
    await app.call('send', 'before');
    await other.call('send', 'before');
    let stored = 2;
    let refused = 0;
    for (const name of ['mail.db', 'mail.db-wal', 'mail.db']) {
      // What another process wrote has to be read.
      await other.call('sendMany', 200);
      disk.fail({ call, name, count: 1 });
      const { error } = await app.ask('send', 'met it');
      disk.mend();
      if (error) refused += 1;
      else stored += 1;
      const answers = [];
      for (let n = 0; n < 34; n += 1) answers.push(await app.ask('send', 'later'));
      expect(answers.filter((one) => one.error)).toEqual([]);
      stored += 34 + 200;
    }
    expect(refused).toBeLessThanOrEqual(3);
    expect((await app.call<RelayStats>('stats')).queued).toBe(stored);
  });

  it.each([
    { call: 'read', count: 1 },
    { call: 'short', count: 1 },
    { call: 'short', count: 5 },
  ] as const)('buries no mail for $count reads that failed ($call)', async ({ call, count }) => {
    const writer = spool();
    const ids = await writer.call<string[]>('sendMany', 1_000);
    await writer.call('drain');
    const app = spool();
    await app.call('stats');
    disk.fail({ call, name: 'mail.db', count });
    await app.call('start');
    await until(() => new Set(app.sent).size === ids.length);
    disk.mend();
    await pause(300);
    expect(app.sent).toHaveLength(ids.length);
    expect(await app.call<RelayStats>('stats')).toMatchObject({ queued: 0, leased: 0, dead: 0 });
  });

  it('sends nothing twice while leases end and reads fail now and then', async () => {
    const writer = spool();
    const ids = await writer.call<string[]>('sendMany', 2_000);
    await writer.call('drain');
    const app = spool({ leaseMs: 1_000 });
    await app.call('start');
    for (let n = 0; n < 10; n += 1) {
      await pause(150);
      disk.fail({ call: n % 2 === 0 ? 'short' : 'read', name: 'mail.db', count: 1 });
      await pause(50);
      disk.mend();
    }
    await until(() => new Set(app.sent).size === ids.length);
    await pause(3_000);
    expect(app.sent).toHaveLength(ids.length);
    expect(await app.call<RelayStats>('stats')).toMatchObject({ queued: 0, leased: 0, dead: 0 });
  });
});
