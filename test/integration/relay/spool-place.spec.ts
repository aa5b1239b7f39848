import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { runCli } from '../../../lib/cli/cli.js';
import { SpoolRelay } from '../../../lib/relay/spool/index.js';
import { readSpoolOptions } from '../../../lib/relay/spool/spool.options.js';
import { newJob } from '../../contract/relay-contract.js';
import { SpoolHarness } from '../../contract/spool-harness.js';
import { upTo } from '../../fixtures/leases.js';
import { testMail } from '../../fixtures/mail.js';

describe('the place of a spool', () => {
  let spool: SpoolHarness;
  const warned: string[] = [];
  beforeEach(() => {
    spool = new SpoolHarness();
    warned.length = 0;
    jest.spyOn(Logger.prototype, 'warn').mockImplementation((text: unknown) => {
      warned.push(String(text));
    });
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await spool.dispose();
  });

  it('keeps every file from the eyes of others, whatever the umask', async () => {
    const before = process.umask(0);
    try {
      const relay = await spool.client();
      await relay.enqueue([newJob()]);
      await relay.lease(upTo(1));
      const folder = dirname(spool.path);
      const names = readdirSync(folder);
      expect(names.some((name) => name.includes('-owner-'))).toBe(true);
      const open = names.filter((name) => statSync(join(folder, name)).mode & 0o077);
      expect(open).toEqual([]);
    } finally {
      process.umask(before);
    }
  });

  it('stops the boot where the folder cannot be used', async () => {
    writeFileSync(join(spool.folder, 'file'), '');
    const relay = await spool.client({ path: join(spool.folder, 'file', 'mail.db') });
    await expect(relay.open()).rejects.toMatchObject({ code: 'MAIL_CONFIG', option: 'relay.path' });
  });

  it('refuses a symbolic link and a file that everybody may write', async () => {
    mkdirSync(dirname(spool.path), { recursive: true });
    symlinkSync(join(spool.folder, 'elsewhere.db'), spool.path);
    await expect((await spool.client()).open()).rejects.toThrow(/symbolic link/);
    expect(existsSync(join(spool.folder, 'elsewhere.db'))).toBe(false);
    const path = join(spool.folder, 'open.db');
    writeFileSync(path, '');
    chmodSync(path, 0o666);
    await expect((await spool.client({ path })).open()).rejects.toThrow(/everybody may write/);
  });

  it('tells of a file that others may read', async () => {
    await (await spool.client()).open();
    chmodSync(spool.path, 0o644);
    await (await spool.client()).open();
    expect(warned.join()).toMatch(/may be read by others \(mode 644\)/);
  });

  it('refuses a name too long for the files beside it', () => {
    expect(() => readSpoolOptions({ path: `var/${'x'.repeat(230)}` })).toThrow(/at most 212 bytes/);
  });

  it('names the option that keeps space back', async () => {
    const relay = await spool.client({ minFreeBytes: Number.MAX_SAFE_INTEGER });
    await expect(relay.enqueue([newJob()])).rejects.toThrow(/`minFreeBytes`/);
  });

  it('works in the main thread where there is no file for another, and says so', async () => {
    // The tests run the sources, in which no thread can start.
    const relay = new SpoolRelay(readSpoolOptions({ path: spool.path }));
    await relay.open();
    expect(await relay.enqueue([newJob(), newJob()])).toHaveLength(2);
    expect(await relay.stats()).toMatchObject({ queued: 2 });
    expect(warned).toHaveLength(1);
    expect(warned[0]).toMatch(/works in the main thread/);
    await relay.close();
  });

  it('removes what killed workers left, whether they held mail or not', async () => {
    const relay = await spool.client();
    await relay.open();
    const left = `${spool.path}-owner-0b0e7f7e-0000-4000-8000-000000000000`;
    writeFileSync(left, '');
    for (let n = 0; n < 10 && existsSync(left); n += 1) {
      await relay.lease(upTo(1));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(existsSync(left)).toBe(false);
  });

  it('takes a key that is past its time for free, whether it was pruned or not', async () => {
    const relay = await spool.client({ idempotencyTtlMs: 1 });
    const keyed = () => newJob(testMail(), { idempotencyKey: 'k' });
    await relay.enqueue([keyed()]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    // Its mail is still here.
    expect(await relay.enqueue([keyed()])).toMatchObject([{ status: 'duplicate' }]);
    const [job] = (await relay.lease(upTo(1))).jobs;
    await relay.settle([{ id: job!.mail.id, outcome: 'sent' }]);
    expect(await relay.enqueue([keyed()])).toEqual([{ status: 'stored' }]);
  });

  it('prunes until nothing is due, in steps, and retries and discards in steps', async () => {
    const relay = await spool.client();
    await relay.open();
    const count = 3_500;
    spool.sql((db) => {
      db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
        INSERT INTO keys (key, id, message_id, expires_at) SELECT 'key' || i, 'id' || i, 'm', 1 FROM n`);
      db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
        INSERT INTO jobs (id, message_id, state, priority, queued_at, born_at, size, checksum, reason)
        SELECT 'dead' || i, 'm', 3, 1, 1, 1, 1, 1, 'permanent' FROM n`);
    });
    const keys = () => spool.sql((db) => db.prepare('SELECT count(*) AS n FROM keys').get()!['n']);
    for (let n = 0; n < 20 && keys() !== 0; n += 1) {
      await relay.lease(upTo(1));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(keys()).toBe(0);
    expect(await relay.retry('all')).toBe(count);
    expect(await relay.stats()).toMatchObject({ dead: 0 });
    spool.sql((db) => db.exec('UPDATE jobs SET state = 3'));
    expect(await relay.discard('all')).toBe(count);
  });

  it('copies a spool in use by the command line', async () => {
    const relay = await spool.client();
    await relay.enqueue([newJob(), newJob()]);
    const target = join(spool.folder, 'copy.db');
    const said: string[] = [];
    const output = {
      out: (text: string) => said.push(text),
      err: (text: string) => said.push(text),
    };
    expect(await runCli(['backup', spool.path, target], output)).toBe(0);
    expect(statSync(target).mode & 0o077).toBe(0);
    expect(await (await spool.client({ path: target })).stats()).toMatchObject({ queued: 2 });
    // Never over a file that is there.
    expect(await runCli(['backup', spool.path, target], output)).toBe(1);
    expect(await runCli(['backup', spool.path], output)).toBe(2);
  });
});
