import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SpoolProcess } from '../../fixtures/spool-process.js';
import { eachBinding } from '../../fixtures/sqlite-bindings.js';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(eachBinding)(
  'a spool whose files are moved away under it ($sqlite)',
  ({ sqlite }) => {
    let folder: string;
    let path: string;
    const processes: SpoolProcess[] = [];
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'spool-moved-'));
      path = join(folder, 'mail.db');
    });
    afterEach(async () => {
      await Promise.all(processes.splice(0).map((one) => one.kill()));
      rmSync(folder, { recursive: true });
    });

    const spool = (at = path): SpoolProcess => {
      const one = new SpoolProcess({ path: at, sqlite });
      processes.push(one);
      return one;
    };

    /** Sends so many, one after the other. Returns the ids of those that were answered as stored. */
    async function send(app: SpoolProcess, count: number): Promise<string[]> {
      const ids: string[] = [];
      for (let n = 0; n < count; n += 1) {
        const { value } = await app.ask('send', `mail ${n}`);
        if (value) ids.push((value as { id: string }).id);
      }
      return ids;
    }

    /** What a process started now delivers, until it has all of `ids`, and a while longer. */
    async function delivered(ids: readonly string[], at = path): Promise<string[]> {
      const app = spool(at);
      await app.call('start');
      const since = Date.now();
      while (!ids.every((id) => app.sent.includes(id)) && Date.now() - since < 10_000)
        await pause(20);
      await pause(200);
      return [...app.sent].sort();
    }

    it.each([
      { what: 'the file removed', move: () => rmSync(path) },
      { what: 'the file renamed', move: () => renameSync(path, `${path}.old`) },
      {
        what: 'all three removed',
        move: () => ['', '-wal', '-shm'].forEach((end) => rmSync(path + end)),
      },
      { what: 'the log removed', move: () => rmSync(`${path}-wal`) },
      { what: 'the index removed', move: () => rmSync(`${path}-shm`) },
    ])('loses nothing that it acknowledged, and says so: $what', async ({ move }) => {
      const app = spool();
      const ids = await send(app, 10);
      move();
      ids.push(...(await send(app, 20)));
      const { error } = await app.ask('stats');
      expect([...app.log, error?.message].join()).toMatch(/mail is saved/);
      await app.kill();
      expect(await delivered(ids)).toEqual([...ids].sort());
    });

    it('takes nothing into a file that was replaced, and saves what was in it', async () => {
      const app = spool();
      const ids = await send(app, 10);
      writeFileSync(`${path}.backup`, 'another file');
      renameSync(`${path}.backup`, path);
      const { error } = await app.ask('send', 'later');
      expect(error).toMatchObject({ code: 'MAIL_RELAY', disposition: 'retry' });
      expect(error?.message).toMatch(/replaced.*Restart the app/s);
      expect(await send(app, 5)).toEqual([]);
      await app.kill();
      const copy = readdirSync(folder).find((name) => name.includes('-saved-'))!;
      expect(await delivered(ids, join(folder, copy))).toEqual([...ids].sort());
    });

    it('saves the mail once for all processes of the file', async () => {
      const [first, second] = [spool(), spool()];
      const ids = [...(await send(first, 5)), ...(await send(second, 5))];
      rmSync(path);
      ids.push(...(await send(first, 5)), ...(await send(second, 5)), ...(await send(first, 5)));
      expect(ids).toHaveLength(25);
      await Promise.all([first.kill(), second.kill()]);
      expect(readdirSync(folder).filter((name) => name.includes('saved'))).toEqual([]);
      expect(await delivered(ids)).toEqual([...ids].sort());
    });

    it('is noticed where nobody sends', async () => {
      const app = spool();
      await send(app, 1);
      await app.call('start');
      rmSync(path);
      const since = Date.now();
      while (app.log.length === 0 && Date.now() - since < 10_000) await pause(20);
      expect(app.log.join()).toMatch(/was removed or renamed/);
    });
  },
);
