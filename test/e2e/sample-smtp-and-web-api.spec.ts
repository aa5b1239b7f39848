import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium, type Page } from 'playwright-core';
import { makeClone, start, type RunningProgram } from '../fixtures/sample-process.js';

// One run of `npm start`, as a newcomer sees it; the tests follow one another.

const CHROMIUM = {
  executablePath: '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};

const cleanups: (() => unknown)[] = [];
let app: RunningProgram;
let url: string;
let page: Page;

beforeAll(async () => {
  const clone = await makeClone();
  cleanups.push(clone.remove);
  app = start(clone.path, 'npm', ['start'], { PORT: '0' });
  cleanups.push(() => {
    app.kill();
    return app.ended;
  });
  url = (await app.printed(/Inbox: (http:\S+)\//))[1]!;
  const browser = await chromium.launch(CHROMIUM);
  cleanups.push(() => browser.close());
  page = await browser.newPage();
}, 90_000);

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function post(path: string, body: unknown) {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('npm start', () => {
  it('prints a receipt for each transport', () => {
    expect(app.output).toMatch(
      /Receipt over SMTP: sent\n +id +\S+\n +accepted +you@example\.com\n +transport +smtp:127\.0\.0\.1:\d+, \d+ ms\n +answer +250 OK: queued as \d+/,
    );
    expect(app.output).toMatch(
      /Receipt over the Web API: sent\n +id +\S+\n +accepted +you@example\.com\n +transport +.+\n +answer +202.*\n +remote id +\S+/,
    );
  });

  it('lists both messages on the inbox page', async () => {
    await page.goto(url);
    const rows = await page.locator('.list li').allInnerTexts();
    const flat = rows.map((row) => row.replace(/\s+/g, ' ')).sort();
    const people = 'Sample <sample@example.com> → You <you@example.com>';
    expect(flat).toEqual([
      expect.stringMatching(/^SMTP Hello over SMTP \d\d:\d\d:\d\d /),
      expect.stringMatching(/^Web API Hello over the Web API \d\d:\d\d:\d\d /),
    ]);
    expect(flat.every((row) => row.endsWith(people))).toBe(true);
  });

  it.each([
    ['SMTP', /^Message-ID: <\S+@example\.com>\r?$/im],
    ['the Web API', /^ {4}"Message-ID": "<\S+@example\.com>"/m],
  ])('shows the html, text and source of a message over %s', async (transport, source) => {
    await page.goto(url);
    await page.getByRole('link', { name: `Hello over ${transport}` }).click();
    const mail = page.frameLocator('iframe').locator('body');
    expect(await mail.locator('h1').innerText()).toBe('Hello');
    expect(await mail.locator('p').innerText()).toBe(`This message came over ${transport}.`);

    await page.getByRole('link', { name: 'Text' }).click();
    expect(await page.locator('pre').innerText()).toContain(`this message came over ${transport}.`);

    await page.getByRole('link', { name: 'Source' }).click();
    expect(await page.locator('pre').innerText()).toMatch(source);
  });

  it.each(['smtp', 'web-api'])('sends what is posted to /send/%s', async (transport) => {
    const message = { to: 'jo@example.net', subject: `Posted to ${transport}`, text: 'Posted' };
    expect(await post(`/send/${transport}`, message)).toMatchObject({
      status: 200,
      body: { status: 'sent', accepted: ['jo@example.net'], rejected: [] },
    });
    await page.goto(url);
    expect(await page.locator('.list li').first().innerText()).toContain(`Posted to ${transport}`);
  });

  it.each(['smtp', 'web-api'])(
    'shows a hostile message over %s as harmless text',
    async (transport) => {
      const subject = `<img src=x onerror="document.title='RAN'"> ${transport}`;
      const html =
        '<script>document.body.textContent = top.document.title = "RAN"</script>' +
        `<img src="x" onerror="document.body.textContent='RAN'"><a href="/" target="_top">out</a>` +
        '<p>Quiet</p>';
      const { status } = await post(`/send/${transport}`, {
        to: 'jo@example.net',
        subject,
        text: '-',
        html,
      });
      expect(status).toBe(200);

      await page.goto(url);
      const row = page.locator('.list li').first();
      expect(await row.locator('.subject').innerText()).toBe(subject);
      expect(await page.locator('img').count()).toBe(0);

      await row.getByRole('link').click();
      expect(await page.locator('h1').innerText()).toBe(subject);
      expect(await page.title()).toBe(subject);
      const mail = page.frameLocator('iframe').locator('body');
      expect(await mail.locator('p').innerText()).toBe('Quiet');
      expect(await mail.innerText()).not.toContain('RAN');

      // The mail's html opened by itself, without the frame around it.
      expect(await page.locator('iframe').getAttribute('sandbox')).toBe('');
      const frame = await page.locator('iframe').getAttribute('src');
      await page.goto(url + frame!);
      expect(await page.locator('p').innerText()).toBe('Quiet');
      expect(await page.locator('body').innerText()).not.toContain('RAN');
    },
  );

  it('answers 400 with every fault of a bad message', async () => {
    expect(
      await post('/send/smtp', { to: 'not an address', subject: 'a\r\nBcc: b@c.de' }),
    ).toMatchObject({
      status: 400,
      body: {
        code: 'MAIL_INVALID',
        issues: expect.arrayContaining([
          expect.objectContaining({ path: expect.stringMatching(/^to/) }),
          expect.objectContaining({ path: 'subject' }),
        ]),
      },
    });
  });

  it('answers 502 with code and disposition when the next hop refuses', async () => {
    const message = { to: 'refused@example.net', subject: 'Hello', text: '-' };
    expect(await post('/send/smtp', message)).toMatchObject({
      status: 502,
      body: { code: 'MAIL_RECIPIENTS', disposition: 'permanent' },
    });
  });

  it('takes no form from another site', async () => {
    const response = await fetch(`${url}/send/smtp`, {
      method: 'POST',
      body: new URLSearchParams({ to: 'jo@example.net', subject: 'Forged', text: '-' }),
    });
    expect(response.status).toBe(400);
  });

  it('drains both mailers and ends well on SIGTERM', async () => {
    const [, pid] = /or kill (\d+)/.exec(app.output)!;
    process.kill(Number(pid), 'SIGTERM');
    expect(await app.ended).toBe(0);
    expect(
      app.output.match(/Drained in \d+ ms: 0 sent, 0 failed, 0 released, 0 abandoned/g),
    ).toHaveLength(2);
  });
});
