/**
 * Welcome mails rendered a second by one core: ours (subject, html with layout, partial and inlined
 * CSS, text part) beside the Handlebars adapter of `@nestjs-modules/mailer` (html with a partial,
 * with and without inlined CSS), and beside composing the same mail. `--quick` takes a third of the time.
 *
 * The rival is installed on its own:
 * `npm install --prefix bench/rivals --workspaces=false`
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createMail } from '../lib/message/create-mail.js';
import { composeMime } from '../lib/message/mime/compose.js';
import { TemplateStore } from '../lib/templates/template-store.js';
import { readTemplatesOptions } from '../lib/templates/templates.options.js';
import { composeByNodemailer } from '../test/fixtures/compose-by-nodemailer.js';

const TURN_MS = process.argv.includes('--quick') ? 300 : 1000;
const TURNS = 3;
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DIR = join(ROOT, 'bench/templates');

const contexts = Array.from({ length: 100 }, (_, i) => ({
  shop: 'Shop & Sons',
  address: '1 Main Street, Springfield',
  name: `Customer ${i}`,
  link: `https://shop.example/confirm?token=${i}&user=${i * 7}`,
  coupon: i % 2 === 0 ? `HELLO${i}` : null,
  picks: Array.from({ length: 4 }, (__, n) => ({ title: `Item <${n}>`, price: `${n},99 €` })),
}));

/** Calls a second, the best turn. */
async function rate(work: (i: number) => unknown): Promise<number> {
  let best = 0;
  for (let turn = 0; turn <= TURNS; turn += 1) {
    let count = 0;
    const start = performance.now();
    while (performance.now() - start < TURN_MS) {
      for (let n = 0; n < 20; n += 1) {
        const done = work(count);
        if (done instanceof Promise) await done;
        count += 1;
      }
    }
    // The first turn warms up.
    if (turn > 0) best = Math.max(best, (count / (performance.now() - start)) * 1000);
  }
  return best;
}

interface Rival {
  compile(
    mail: { data: Record<string, unknown> },
    done: (error?: Error | null) => void,
    options: object,
  ): void;
}

/** The same mail as the rival has it: no layouts, so they are one template. */
async function rival(dir: string, inlineCssEnabled: boolean) {
  const load = createRequire(join(ROOT, 'bench/rivals/package.json'));
  const path = load.resolve('@nestjs-modules/mailer/adapters/handlebars.adapter');
  const module = (await import(pathToFileURL(path).href)) as {
    HandlebarsAdapter: new (helpers: object, config: object) => Rival;
  };
  const adapter = new module.HandlebarsAdapter({}, { inlineCssEnabled });
  const options = {
    template: { dir, options: { strict: true } },
    options: { partials: { dir: join(dir, 'partials'), options: {} } },
  };
  return (context: object): Promise<string> =>
    new Promise((resolve, reject) => {
      const mail = { data: { template: 'welcome', context, html: '' } };
      adapter.compile(
        mail,
        (error) =>
          error === undefined || error === null ? resolve(mail.data.html) : reject(error),
        options,
      );
    });
}

function rivalFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'bench-templates-'));
  const read = (name: string) => readFileSync(join(DIR, name), 'utf8');
  const body = read('welcome.hbs').replace(/^---[^]*?\n---\n/, '');
  mkdirSync(join(dir, 'partials'));
  writeFileSync(join(dir, 'partials/footer.hbs'), read('partials/footer.hbs'));
  writeFileSync(join(dir, 'welcome.hbs'), read('layouts/default.hbs').replace('{{{body}}}', body));
  return dir;
}

const line = (what: string, perSecond: number, note = '') =>
  console.log(
    `${what.padEnd(58)} ${Math.round(perSecond).toLocaleString('en').padStart(9)}/s ${note}`,
  );

const store = new TemplateStore(readTemplatesOptions('templates', { dir: DIR, reload: false }));
await store.load();
const pick = (i: number) => contexts[i % contexts.length]!;
const ours = await rate((i) => store.render('welcome', pick(i), undefined));
line('ours: subject, html, text; layout, CSS inlined', ours);

// A value in `style` decides over the answer of the inliner, so that each mail is worked on alone.
const alone = mkdtempSync(join(tmpdir(), 'bench-templates-'));
cpSync(DIR, alone, { recursive: true });
const own = readFileSync(join(DIR, 'welcome.hbs'), 'utf8').replace(
  '<h1>',
  '<h1 style="order: {{n}}">',
);
writeFileSync(join(alone, 'welcome.hbs'), own);
const other = new TemplateStore(readTemplatesOptions('templates', { dir: alone, reload: false }));
await other.load();
const whole = await rate((n) => other.render('welcome', { ...pick(n), n }, undefined));
line(
  'the same, where each mail has a shape of its own',
  whole,
  `${(1000 / whole).toFixed(1)} ms each`,
);
rmSync(alone, { recursive: true });

const parts = await store.render('welcome', pick(0), undefined);
const { subject, html, text } = parts;
const mail = createMail({ from: 'shop@shop.example', to: 'jo@mail.example', subject, html, text });
const composing = await rate(() => composeMime(mail));
line('composing that mail', composing, `rendering costs ${(composing / ours).toFixed(2)} of it`);
const nodemailer = await rate(() => composeByNodemailer(mail));
line(
  'composing it by nodemailer',
  nodemailer,
  `rendering costs ${(nodemailer / ours).toFixed(2)} of it`,
);

const dir = rivalFolder();
try {
  for (const inlined of [true, false]) {
    const render = await rival(dir, inlined);
    if (!(await render(pick(0))).includes('Welcome, Customer 0!'))
      throw new Error('the rival rendered something else');
    const theirs = await rate((i) => render(pick(i)));
    const note = `ours is ${(ours / theirs).toFixed(1)} times as fast`;
    line(`@nestjs-modules/mailer: html; CSS ${inlined ? 'inlined' : 'not inlined'}`, theirs, note);
  }
} catch (error) {
  if (!(error instanceof Error) || !/Cannot find (module|package)/.test(error.message)) throw error;
  console.log('The rival is not installed: npm install --prefix bench/rivals --workspaces=false');
} finally {
  rmSync(dir, { recursive: true });
}
