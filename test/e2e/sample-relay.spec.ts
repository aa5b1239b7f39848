import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { RedisServer } from '../fixtures/redis-server.js';
import { makeClone, start, type RunningProgram } from '../fixtures/sample-process.js';

const CHROMIUM = {
  executablePath: '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
};
const BURST = 500;

interface State {
  readonly relay: string;
  readonly stored: Readonly<Record<string, number>>;
  readonly here: Readonly<Record<string, number>>;
  readonly server: { readonly running: boolean; readonly arrived: number };
}

const cleanups: (() => unknown)[] = [];
let clone: string;
let browser: Browser;
let redis: RedisServer;

beforeAll(async () => {
  const made = await makeClone();
  cleanups.push(made.remove);
  clone = made.path;
  const build = start(clone, 'sh', ['-c', 'npm run build && npm run build --workspace sample/02-relay'], {}); // prettier-ignore
  cleanups.push(build.kill);
  expect(await build.ended).toBe(0);
  redis = await RedisServer.start();
  cleanups.push(() => redis.close());
  browser = await chromium.launch(CHROMIUM);
  cleanups.push(() => browser.close());
}, 90_000);

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

function run(program: 'main' | 'worker', env: NodeJS.ProcessEnv): RunningProgram {
  const app = start(clone, 'node', [join('sample', '02-relay', 'dist', `${program}.js`)], env);
  cleanups.push(() => {
    app.kill();
    return app.ended;
  });
  return app;
}

async function end(app: RunningProgram): Promise<void> {
  const [, pid] = /or kill (\d+)/.exec(app.output)!;
  process.kill(Number(pid), 'SIGTERM');
  expect(await app.ended).toBe(0);
}

describe.each(['spool', 'bull'])('sample/02-relay over %s', (driver) => {
  const faults: string[] = [];
  let env: NodeJS.ProcessEnv;
  let app: RunningProgram;
  let url: string;
  let page: Page;

  async function boot(role: string): Promise<void> {
    env =
      driver === 'bull' ? { REDIS_URL: redis.url } : { MAIL_SPOOL: join(clone, 'var', 'mail.db') };
    app = run('main', { ...env, PORT: '0', ROLE: role });
    url = (await app.printed(/Relay: (http:\S+)\//))[1]!;
    await app.printed(/Stop: /);
  }

  async function state(): Promise<State> {
    return (await (await fetch(`${url}/state`)).json()) as State;
  }

  /** Looks as the page does, until it sees what it waits for. */
  async function until(condition: (seen: State) => boolean): Promise<State> {
    for (;;) {
      const seen = await state();
      if (condition(seen)) return seen;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Waits until the page shows so many at least. */
  async function shown(card: string, name: string, least: number): Promise<void> {
    const cell = page.locator(`#${card} [data-name=${name}]`);
    while (Number((await cell.innerText()).replace(/\D/g, '')) < least) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  it('delivers what is handed over', async () => {
    await boot('both');
    page = await browser.newPage();
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    await page.goto(url);
    const seen = await until(({ server }) => server.arrived >= 10);
    expect(seen.relay).toMatch(new RegExp(`^${driver}:`));
    await shown('arrivals', 'arrived', 1);
  });

  it('shows the backlog grow while the mail server is stopped, and drain once it is back', async () => {
    await page.getByRole('button', { name: 'Stop the mail server' }).click();
    await page.locator('.state').filter({ hasText: 'stopped' }).waitFor();
    const before = (await state()).server.arrived;
    await page.getByRole('button', { name: 'Hand over 500' }).click();
    const away = await until(({ stored }) => stored['queued']! + stored['leased']! >= BURST);
    expect(away.server).toEqual({ running: false, arrived: before });
    expect(away.stored['dead']).toBe(0);
    await until(({ here }) => here['deferred']! > 0);
    await shown('stored', 'queued', BURST / 2);
    await page.getByRole('button', { name: 'Start the mail server' }).click();
    const back = await until(
      ({ stored, server }) => server.arrived >= before + BURST && stored['queued'] === 0,
    );
    expect(back.stored).toMatchObject({ scheduled: 0, deferred: 0, dead: 0 });
    expect(back.here['refused']).toBe(0);
    await page.locator('.state').filter({ hasText: 'running' }).waitFor();
    await shown('arrivals', 'arrived', before + BURST);
    expect(faults).toEqual([]);
    await page.close();
    await end(app);
  });

  it('leaves delivery to a second process', async () => {
    await boot('producer');
    const waiting = await until(({ stored }) => stored['queued']! >= 5);
    expect(waiting.here['sent']).toBe(0);
    expect(waiting.server.arrived).toBe(0);
    const [, smtp] = await app.printed(/SMTP_URL=(\S+) npm run worker/);
    const worker = run('worker', { ...env, SMTP_URL: smtp });
    await worker.printed(/[1-9]\d* sent, 0 deferred, 0 given up/);
    const done = await until(({ server }) => server.arrived >= 20);
    expect(done.here['sent']).toBe(0);
    await end(worker);
    expect(worker.output).toMatch(/Drained in \d+ ms: \d+ sent, 0 failed, \d+ released, 0 abandon/);
    await end(app);
  });
});
