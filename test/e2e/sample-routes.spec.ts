import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium, type Page } from 'playwright-core';
import { makeClone, start, type RunningProgram } from '../fixtures/sample-process.js';

// One run of the sample; the tests follow one another.

const CHROMIUM = {
  executablePath: '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
};

const cleanups: (() => unknown)[] = [];
let app: RunningProgram;
let page: Page;
const faults: string[] = [];

beforeAll(async () => {
  const clone = await makeClone();
  cleanups.push(clone.remove);
  const script = 'npm run build && npm start --workspace sample/03-routes';
  app = start(clone.path, 'sh', ['-c', script], { PORT: '0' });
  cleanups.push(() => {
    app.kill();
    return app.ended;
  });
  const url = (await app.printed(/Routes: (http:\S+)\//))[1]!;
  const browser = await chromium.launch(CHROMIUM);
  cleanups.push(() => browser.close());
  page = await browser.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.goto(url);
}, 90_000);

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

const card = (transport: string) => page.locator(`.card[data-transport="${transport}"]`);
const row = (text: RegExp) => page.locator('tbody tr').filter({ hasText: text });

describe('sample/03-routes', () => {
  it('sends over SMTP, the first in order', async () => {
    await row(/SMTP.*first in order/)
      .first()
      .waitFor();
    expect(await card('SMTP').locator('.state').innerText()).toBe('up');
  });

  it('goes to the Web API while the mail port is blocked, and says why', async () => {
    await card('SMTP').getByRole('checkbox').check();
    await row(/Web API.*SMTP failed \(MAIL_CONNECT/)
      .first()
      .waitFor();
    await row(/Web API.*SMTP is down, tried again in/)
      .first()
      .waitFor();
    expect(await card('SMTP').locator('.state').innerText()).toBe('down');
  });

  it('takes SMTP up again once the port is open', async () => {
    await card('SMTP').getByRole('checkbox').uncheck();
    await row(/SMTP.*is back: one mail tries it/)
      .first()
      .waitFor();
    await page
      .locator('tbody tr')
      .first()
      .filter({ hasText: /first in order/ })
      .waitFor();
  });

  it('leaves the transport that becomes slow under `fastest`', async () => {
    await page.getByRole('radio', { name: 'fastest' }).check();
    await card('Web API').getByRole('slider').fill('400');
    await page
      .locator('tbody tr')
      .first()
      .filter({ hasText: /SMTP.*faster/ })
      .waitFor();
    await card('Web API').getByRole('slider').fill('0');
    await card('SMTP').getByRole('slider').fill('400');
    await page
      .locator('tbody tr')
      .first()
      .filter({ hasText: /Web API.*faster/ })
      .waitFor();
  });

  it('ran without a fault in the page, and ends well on SIGTERM', async () => {
    expect(faults).toEqual([]);
    const [, pid] = /or kill (\d+)/.exec(app.output)!;
    process.kill(Number(pid), 'SIGTERM');
    expect(await app.ended).toBe(0);
  });
});
