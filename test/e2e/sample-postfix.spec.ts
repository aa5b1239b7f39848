import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium, type Page } from 'playwright-core';
import { makeClone, start, type RunningProgram } from '../fixtures/sample-process.js';

// One run of the sample, which starts a real Postfix; the tests follow one another.

const CHROMIUM = {
  executablePath: '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
};

interface State {
  readonly app: { readonly handedOver: number; readonly refused: number };
  readonly queue: { readonly length: number };
  readonly provider: { readonly arrived: number; readonly twice: readonly string[] };
}

const cleanups: (() => unknown)[] = [];
const faults: string[] = [];
let app: RunningProgram;
let page: Page;
let url: string;

beforeAll(async () => {
  const clone = await makeClone();
  cleanups.push(clone.remove);
  const script = 'npm run build && npm start --workspace sample/05-postfix-smart-host';
  app = start(clone.path, 'sh', ['-c', script], { PORT: '0' });
  cleanups.push(async () => {
    // SIGTERM first: the app stops its Postfix.
    stopApp();
    await Promise.race([app.ended, new Promise((resolve) => setTimeout(resolve, 10_000).unref())]);
    app.kill();
    return app.ended;
  });
  url = (await app.printed(/Postfix: (http:\S+)\//))[1]!;
  const browser = await chromium.launch(CHROMIUM);
  cleanups.push(() => browser.close());
  page = await browser.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.goto(url);
}, 120_000);

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
}, 60_000);

function stopApp(): void {
  const pid = /or kill (\d+)/.exec(app.output)?.[1];
  try {
    if (pid !== undefined) process.kill(Number(pid), 'SIGTERM');
  } catch {
    // It has ended already.
  }
}

const state = async (): Promise<State> => (await fetch(`${url}/state`)).json() as Promise<State>;
const shown = async (name: string): Promise<number> =>
  Number((await page.locator(`[data-name="${name}"]`).innerText()).replaceAll(',', ''));

async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 100));
}

describe('sample/05-postfix-smart-host', () => {
  it('relays through the provider, with TLS and a login', async () => {
    await until(async () => (await shown('arrived')) > 0);
    expect((await state()).app.refused).toBe(0);
  });

  it('keeps mail in Postfix while the line is cut, and the app notices nothing', async () => {
    await page.getByRole('button', { name: 'Cut the line' }).click();
    await page.getByText('line cut').waitFor();
    const { arrived } = (await state()).provider;
    await page.getByRole('button', { name: 'Hand over 200' }).click();
    await until(async () => (await shown('waiting')) >= 200);
    expect((await state()).app.refused).toBe(0);
    expect((await state()).provider.arrived).toBe(arrived);
    await page
      .getByRole('cell', { name: /Connection refused/ })
      .first()
      .waitFor();
  }, 60_000);

  it('delivers all of it, each mail once, when the line is back', async () => {
    await page.getByRole('button', { name: 'Mend the line' }).click();
    const { handedOver } = (await state()).app;
    await until(async () => (await state()).provider.arrived >= handedOver);
    const { provider } = await state();
    expect(provider.twice.filter((subject) => subject.startsWith('Burst'))).toEqual([]);
    await until(async () => (await shown('waiting')) < 5);
  }, 120_000);

  it('ran without a fault in the page, and ends well on SIGTERM', async () => {
    expect(faults).toEqual([]);
    stopApp();
    expect(await app.ended).toBe(0);
  }, 30_000);
});
