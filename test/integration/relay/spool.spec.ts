import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCli } from '../../../lib/cli/cli.js';
import type { JobDetails, JobSummary, MailRelay, NewJob } from '../../../lib/relay/relay.js';
import { burial } from '../../../lib/relay/job.js';
import { Consumer, newJob } from '../../contract/relay-contract.js';
import { SpoolHarness } from '../../contract/spool-harness.js';
import { testMail } from '../../fixtures/mail.js';
import { upTo } from '../../fixtures/leases.js';

async function stored(relay: MailRelay): Promise<NewJob> {
  const job = newJob();
  await relay.enqueue([job]);
  return job;
}

describe('spool', () => {
  let spool: SpoolHarness;
  beforeEach(() => {
    spool = new SpoolHarness();
  });
  afterEach(() => spool.dispose());

  it('syncs each commit, and keeps mail from the eyes of others', async () => {
    const relay = await spool.client();
    await relay.enqueue([newJob()]);
    const files = readdirSync(dirname(spool.path));
    expect(files).toContain('mail.db-wal');
    const modes = files.map((name) => statSync(`${dirname(spool.path)}/${name}`).mode & 0o077);
    expect(modes.every((mode) => mode === 0)).toBe(true);
    expect(spool.sql((db) => db.prepare('PRAGMA journal_mode').get())).toMatchObject({
      journal_mode: 'wal',
    });
  });

  it('rejects at the door when it is full, sends on, and takes mail again', async () => {
    const relay = await spool.client({ maxBytes: 1_048_576 });
    const big = () => newJob(testMail({ text: 'x'.repeat(100_000) }));
    let stored = 0;
    let refusal: unknown;
    while (refusal === undefined) {
      await relay.enqueue([big()]).then(
        () => (stored += 1),
        (error: unknown) => (refusal = error),
      );
    }
    expect(refusal).toMatchObject({ code: 'MAIL_RELAY', disposition: 'retry' });
    expect((refusal as Error).message).toContain('maxBytes');
    expect(await relay.stats()).toMatchObject({ queued: stored });
    const jobs = await (await Consumer.of(relay)).take(stored);
    await relay.settle(jobs.map(({ mail: { id } }) => ({ id, outcome: 'sent' })));
    expect(await relay.enqueue([big()])).toEqual([{ status: 'stored' }]);
  });

  it('keeps space back on the disk', async () => {
    const relay = await spool.client({ minFreeBytes: Number.MAX_SAFE_INTEGER });
    await expect(relay.enqueue([newJob()])).rejects.toMatchObject({ code: 'MAIL_RELAY' });
    expect(await relay.stats()).toMatchObject({ queued: 0 });
  });

  it('sets damaged rows aside, and delivers all the healthy ones', async () => {
    const relay = await spool.client();
    const jobs = Array.from({ length: 1_000 }, (_, n) =>
      newJob(testMail({ text: `marker-${n}-end` })),
    );
    await relay.enqueue(jobs);
    await relay.close();
    // In the file itself, one byte each; the length stays what it was.
    const file = readFileSync(spool.path);
    const flipped = new Set<string>();
    for (let n = 0; n < 1_000; n += 100) {
      const at = file.indexOf(`marker-${n}-end`);
      if (at < 0) continue;
      file[at] = file[at]! ^ 0x20;
      flipped.add(jobs[n]!.mail.id);
    }
    writeFileSync(spool.path, file);
    // By SQL: nothing of what JSON is.
    const cut = jobs[50]!.mail.id;
    spool.sql(
      (db) =>
      db.prepare("UPDATE bodies SET body = '{' WHERE seq = (SELECT seq FROM jobs WHERE id = ?)").run(cut), // prettier-ignore
    );
    flipped.add(cut);
    expect(flipped.size).toBe(11);
    const again = await spool.client();
    const consumer = await Consumer.of(again);
    const healthy = await consumer.take(1_000 - flipped.size);
    await consumer.setAsideUnreadable();
    expect(healthy.every(({ mail }) => !flipped.has(mail.id))).toBe(true);
    const dead = await again.list();
    expect(dead.map(({ id }) => id).sort()).toEqual([...flipped].sort());
    expect(dead.every(({ reason }) => reason === 'corrupt')).toBe(true);
  });

  it('hands out the others beside one that is damaged', async () => {
    const relay = await spool.client();
    const jobs = [newJob(), newJob()];
    await relay.enqueue(jobs);
    const [bad, good] = jobs.map(({ mail }) => mail.id);
    await spool.rewrite(bad!, () => ({}));
    const { jobs: leased, unreadable } = await relay.lease(upTo(10));
    expect(leased.map(({ mail }) => mail.id)).toEqual([good]);
    expect(unreadable.map(({ id }) => id)).toEqual([bad]);
  });

  it('takes back at once what a killed process held', async () => {
    const built = fileURLToPath(new URL('../../../dist/relay/spool/', import.meta.url));
    const options = JSON.stringify({ path: spool.path, thread: false, leaseMs: 600_000 });
    const program = `
      const { SpoolRelay } = await import('${built}index.js');
      const { readSpoolOptions } = await import('${built}spool.options.js');
      const relay = new SpoolRelay(readSpoolOptions(${options}));
      const { jobs } = await relay.lease({ max: 1, maxSize: 1e6 });
      console.log(jobs[0].mail.id);
      // It keeps the relay: collected, that would let go of its lock.
      setInterval(() => relay, 1000);`;
    const relay = await spool.client({ leaseMs: 600_000 });
    const job = newJob();
    await relay.enqueue([job]);
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const exit = once(child, 'exit');
    try {
      // A child that ends without a word, over a dist/ built anew under its feet for one, says so at once.
      const ended = exit.then(([code]) => Promise.reject(new Error(`It ended with ${code}`)));
      const [said] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer];
      expect(said.toString()).toContain(job.mail.id);
      // It lives: its lease stands.
      expect((await relay.lease(upTo(1))).jobs).toEqual([]);
    } finally {
      child.kill('SIGKILL');
      await exit;
    }
    const [back] = await (await Consumer.of(relay)).take(1);
    expect(back).toMatchObject({ mail: { id: job.mail.id }, attempts: 0, unknowns: 0 });
  });

  it('ends a lease that nobody renews, and keeps one that is renewed', async () => {
    const [first, second] = [
      await spool.client({ leaseMs: 1_000 }),
      await spool.client({ leaseMs: 1_000 }),
    ];
    const jobs = [newJob(), newJob()];
    await first.enqueue(jobs);
    await first.lease(upTo(2));
    const [kept, left] = jobs.map(({ mail }) => mail.id);
    const beat = setInterval(() => void first.heartbeat([kept!]), 200);
    const [taken] = await (await Consumer.of(second)).take(1);
    clearInterval(beat);
    expect(taken?.mail.id).toBe(left);
    // What was accepted is not sent again, whoever holds it; what was not is no business of the first.
    const failure = { code: 'MAIL_CONTENT', disposition: 'retry', message: '', at: 0 } as const;
    await first.settle([
      { id: left!, outcome: 'deferred', delayMs: 1, attempts: 1, unknowns: 0, failure },
    ]);
    expect((await second.show(left!))?.state).toBe('leased');
    await first.settle([{ id: left!, outcome: 'sent' }]);
    expect(await second.show(left!)).toBeUndefined();
  });

  it('takes no mail from who lives when the clock is set forward', async () => {
    const [first, second] = [await spool.client(), await spool.client()];
    const { id } = (await stored(first)).mail;
    let [wall, monotonic] = [Date.now(), performance.now()];
    const clocks = [
      jest.spyOn(Date, 'now').mockImplementation(() => wall),
      jest.spyOn(performance, 'now').mockImplementation(() => monotonic),
    ];
    const pass = (ms: number, set = 0) => {
      monotonic += ms;
      wall += ms + set;
    };
    try {
      await second.lease(upTo(0));
      pass(70_000);
      expect((await first.lease(upTo(1))).jobs).toHaveLength(1);
      await second.lease(upTo(0));
      pass(2_000, 3_600_000);
      expect((await second.lease(upTo(1))).jobs).toEqual([]);
      pass(20_000);
      await first.heartbeat([id]);
      pass(41_000);
      expect((await second.lease(upTo(1))).jobs).toEqual([]);
      // Now nobody renews it.
      pass(60_000);
      expect((await second.lease(upTo(1))).jobs).toHaveLength(1);
    } finally {
      for (const clock of clocks) clock.mockRestore();
    }
  });

  it('lists and sets aside rows with damage beside the mail', async () => {
    const relay = await spool.client();
    const { id } = (await stored(relay)).mail;
    spool.sql((db) => db.exec("UPDATE jobs SET born_at = 'x', failure = '{'"));
    expect(await relay.list({ state: 'queued' })).toMatchObject([{ id }]);
    expect(await relay.lease(upTo(1))).toMatchObject({ jobs: [], unreadable: [{ id }] });
    await relay.settle([burial({ id, problem: 'damaged' }, 1)]);
    expect(await relay.list()).toMatchObject([{ id, reason: 'corrupt' }]);
  });

  it('never calls stored what the file refuses', async () => {
    const relay = await spool.client();
    await expect(relay.enqueue([newJob(testMail(), { queuedAt: NaN })])).rejects.toMatchObject({
      code: 'MAIL_RELAY',
    });
    const job = newJob();
    expect(await relay.enqueue([job])).toEqual([{ status: 'stored' }]);
    expect(await relay.enqueue([job])).toMatchObject([{ status: 'duplicate' }]);
  });

  it('makes nobody wait longer than was decided when the clock was set back', async () => {
    const relay = await spool.client();
    const job = newJob();
    await relay.enqueue([job]);
    const [leased] = (await relay.lease(upTo(1))).jobs;
    const { id } = leased!.mail;
    const failure = { code: 'MAIL_CONTENT', disposition: 'retry', message: '', at: 0 } as const;
    await relay.settle([
      { id, outcome: 'deferred', delayMs: 50, attempts: 1, unknowns: 0, failure },
    ]);
    const year = 365 * 86_400_000;
    spool.sql((db) => db.prepare('UPDATE jobs SET due_at = due_at + ?').run(year));
    const [back] = await (await Consumer.of(await spool.client())).take(1);
    expect(back?.mail.id).toBe(id);
  });

  it('keeps what was sent as long as it is told to', async () => {
    const relay = await spool.client({ keepSentMs: 60_000 });
    const job = newJob();
    await relay.enqueue([job]);
    await relay.lease(upTo(1));
    await relay.settle([{ id: job.mail.id, outcome: 'sent' }]);
    expect(await relay.stats()).toMatchObject({ sent: 1, leased: 0 });
    expect(await relay.list({ state: 'sent' })).toMatchObject([{ id: job.mail.id }]);
    expect((await relay.lease(upTo(1))).jobs).toEqual([]);
    spool.sql((db) => db.prepare('UPDATE jobs SET due_at = 1').run());
    const later = await spool.client({ keepSentMs: 60_000 });
    await later.lease(upTo(1));
    expect(await later.stats()).toMatchObject({ sent: 0 });
  });

  it('refuses a file of a newer release, and one that is no spool', async () => {
    const relay = await spool.client();
    await relay.enqueue([newJob()]);
    spool.sql((db) => db.exec('PRAGMA user_version = 99'));
    const older = await spool.client();
    await expect(older.open()).rejects.toMatchObject({
      code: 'MAIL_RELAY',
      message: expect.stringContaining('newer release') as unknown,
    });
  });

  describe('command line', () => {
    const run = async (...args: string[]) => {
      const lines: string[] = [];
      const push = (text: string) => void lines.push(text);
      const code = await runCli([...args, '--spool', spool.path], { out: push, err: push });
      return { code, text: lines.join('\n') };
    };

    it('shows, retries and discards dead mail, in words and in JSON', async () => {
      const relay = await spool.client();
      const jobs = [newJob(testMail({ subject: 'First' })), newJob(), newJob()];
      await relay.enqueue(jobs);
      await relay.lease(upTo(2));
      const [a, b] = jobs.map(({ mail }) => mail.id) as [string, string];
      const failure = {
        code: 'MAIL_RECIPIENTS',
        disposition: 'permanent',
        message: 'Refused',
        response: '550 \u001b[31mno such user',
        at: 0,
      } as const;
      await relay.settle(
        [a, b].map((id) => ({
          id,
          outcome: 'dead',
          reason: 'permanent',
          attempts: 1,
          unknowns: 0,
          failure,
        })),
      );
      const status = await run('status', '--json');
      expect(JSON.parse(status.text)).toMatchObject({ queued: 1, dead: 2 });
      expect((await run('status')).text).toMatch(/dead +2/);
      const dead = await run('dead');
      expect(dead.text).toContain(a);
      expect(dead.text).not.toContain('\u001b');
      const listed = JSON.parse((await run('dead', '--json', '--limit', '1')).text) as JobSummary[];
      expect(listed.map(({ id }) => id)).toEqual([a]);
      expect((await run('show', a)).text).toContain('First');
      const shown = JSON.parse((await run('show', b, '--json')).text) as JobDetails;
      expect(shown).toMatchObject({ id: b, reason: 'permanent', mail: { id: b } });
      expect(await run('retry', a)).toEqual({ code: 0, text: '1 to be sent again' });
      expect((await run('retry', a)).code).toBe(1);
      expect(await run('discard', '--all')).toEqual({ code: 0, text: '1 discarded' });
      expect(await relay.stats()).toMatchObject({ queued: 2, dead: 0 });
    });

    it.each([
      { args: ['bury'], says: 'There is no command bury' },
      { args: ['retry'], says: 'retry takes IDs or --all' },
      { args: ['discard', 'x', '--all'], says: 'discard takes IDs or --all' },
      { args: ['show'], says: 'show takes one ID' },
      { args: ['dead', '--limit', 'x'], says: '--limit' },
      { args: ['dead', '--colour'], says: '--colour' },
    ])('says how it is used after $args', async ({ args, says }) => {
      const { code, text } = await run(...args);
      expect(code).toBe(2);
      expect(text).toContain(says);
    });

    it('does not make a spool that is not there', async () => {
      expect(await run('status')).toMatchObject({ code: 1 });
      expect(readdirSync(spool.folder)).toEqual([]);
    });
  });
});
