import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { MailTemplateError } from '../../../lib/base/errors.js';
import { loadCssInliner } from '../../../lib/templates/css.js';
import { handlebars } from '../../../lib/templates/engines/handlebars.js';
import { mjml } from '../../../lib/templates/engines/mjml.js';
import { loadHtmlToText } from '../../../lib/templates/html-text.js';
import { insertPreheader } from '../../../lib/templates/preheader.js';
import { TemplateStore } from '../../../lib/templates/template-store.js';
import { readTemplatesOptions } from '../../../lib/templates/templates.options.js';
import type { TemplatesOptions } from '../../../lib/templates/templates.options.js';
import { failureOf, folderOf, removeFolders, storeOf } from './support.js';

afterAll(removeFolders);

const BOM = '\uFEFF';

async function render(
  files: Readonly<Record<string, string | Buffer>>,
  context: Record<string, unknown> = {},
  options: TemplatesOptions = {},
) {
  const store = storeOf(files, options);
  await store.load();
  return store.render('a', context, undefined);
}

async function failure(
  files: Readonly<Record<string, string>>,
  context: Record<string, unknown> = {},
  options: TemplatesOptions = {},
) {
  const error = await failureOf(render(files, context, options));
  expect(error).toBeInstanceOf(MailTemplateError);
  return error;
}

describe('built-in helpers', () => {
  const cases: readonly [string, string][] = [
    ['{{#if yes}}y{{else}}n{{/if}}', 'y'],
    ['{{#unless no}}u{{/unless}}', 'u'],
    ['{{#each list}}{{@index}}{{this}};{{/each}}', '0p;1q;'],
    ['{{#each none}}x{{else}}e{{/each}}', 'e'],
    ['{{#list}}[{{this}}]{{/list}}', '[p][q]'],
    ['{{#none}}x{{/none}}{{^none}}i{{/none}}', 'i'],
    ['{{#with user}}{{name}}{{/with}}', 'Jo'],
    ['{{#user}}{{name}}{{/user}}', 'Jo'],
    ['{{lookup user "name"}}', 'Jo'],
    ['{{#each list as |one n|}}{{n}}{{one}}{{/each}}', '0p1q'],
    ['{{log yes level="debug"}}', ''],
    ['{{#if (lookup user "name")}}s{{/if}}', 's'],
    [
      '{{#unless no}}{{#each list}}{{#unless @first}},{{/unless}}{{this}}{{/each}}{{/unless}}',
      'p,q',
    ],
  ];
  const context = { yes: true, no: false, list: ['p', 'q'], none: [], user: { name: 'Jo' } };
  const together = {
    source: cases.map(([s]) => s).join('|'),
    out: cases.map(([, o]) => o).join('|'),
  };

  it.each([...cases, [together.source, together.out] as const])(
    '%s works wherever it stands',
    async (source, out) => {
      const front = `---\nsubject: "S ${source}"\npreheader: P ${source}\n---\n`;
      const store = storeOf({
        'a.hbs': `${front}<p>${source}</p>`,
        'a.text.hbs': `T ${source}`,
        'layouts/default.hbs': `L ${source} {{{body}}}`,
        'layouts/default.text.hbs': '{{{body}}}',
      });
      await store.load();
      for (let i = 0; i < 3; i += 1) {
        const mail = await store.render('a', context, undefined);
        expect(mail.subject).toBe(`S ${out}`);
        expect(mail.text).toBe(`T ${out}`);
        expect(mail.html).toContain(`>P ${out}</div>`);
        expect(mail.html).toContain(`L ${out} <p>${out}</p>`);
      }
    },
  );
});

describe('helpers of the app', () => {
  it('read what their blocks hold, filled and escaped', async () => {
    const seen: string[] = [];
    const block = function (this: unknown, options: { fn(context: unknown): string }) {
      seen.push(options.fn(this));
      return `(${options.fn(this).toUpperCase()})`;
    };
    const options = { helpers: { block } };
    const store = storeOf(
      {
        'a.hbs':
          '---\nsubject: "{{#block}}{{x}}{{/block}}"\n---\n<p>{{#block}}<i>{{x}}</i>{{/block}}</p>',
      },
      options,
    );
    for (const x of ['a&b', 'a&b', 'a&b', 'c<d']) {
      const mail = await store.render('a', { x }, undefined);
      const escaped = x.replace('&', '&amp;').replace('<', '&lt;');
      expect(mail.html).toBe(`<p>(${`<i>${escaped}</i>`.toUpperCase()})</p>`);
      expect(mail.subject).toBe(`(${x.toUpperCase()})`);
    }
    expect(seen).toContain('<i>a&amp;b</i>');
    expect(seen).toContain('c<d');
  });

  it.each([
    ['async', async () => Promise.resolve('x'), /a\.hbs:2\): the helper `late` is async/],
    ['with a promise', () => Promise.resolve('x'), /a\.hbs:2\): `\{\{late 1\}\}` is a promise/],
    [
      'that fail',
      () => {
        throw new Error('on purpose');
      },
      /a\.hbs:2\): the helper `late` failed: on purpose/,
    ],
  ])('%s are told with file and line', async (_what, late, message) => {
    const error = await failure({ 'a.hbs': '\n{{late 1}}' }, {}, { helpers: { late } });
    expect(error.message).toMatch(message);
    const inBlock = { 'a.hbs': '\n{{#if (late 1)}}x{{/if}}' };
    const other = await failure(inBlock, {}, { helpers: { late } });
    expect(other).toMatchObject({ line: 2 });
  });
});

describe('what an inliner cannot move', () => {
  const kept = [
    '@import url("https://x.y/a;b.css");',
    '@supports (display: grid) {p { color: green }}',
    '@layer base {p { color: green }}',
    '@container (width > 1px) {p { color: green }}',
    '@media (max-width: 1px) { @supports (x: y) { p { color: green } } }',
    'p::before { content: "}" }',
    'p:focus-within { color: green }',
    'p:checked { color: green }',
    '#outlook a { padding: 0 }',
    '.ExternalClass { width: 100% }',
    '[data-ogsc] p { color: green }',
    'u + .body p { color: green }',
    '.moz-text-html p { color: green }',
    '[owa] .mj-column { color: green }',
    'p { &:hover { color: green } }',
  ];
  const squeezed = (text: string) => text.replace(/\s+/g, '');

  it.each(kept)('%s stays, and colours nothing', async (rule) => {
    const inlineCss = await loadCssInliner();
    const html = inlineCss(`<style>b { margin: 1px }\n${rule}</style><p>x</p><b>y</b>`);
    expect(squeezed(html)).toContain(squeezed(rule));
    expect(html).toContain('<p>x</p>');
    expect(html).toContain('<b style="margin: 1px;">');
  });

  it('stays in its order', async () => {
    const inlineCss = await loadCssInliner();
    const html = inlineCss(`<style>${kept.join('\n')} b{c:d}</style><b>y</b>`);
    const places = kept.map((rule) => squeezed(html).indexOf(squeezed(rule)));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(Math.min(...places)).toBeGreaterThanOrEqual(0);
  });

  it('keeps the other selectors of a rule that it moves', async () => {
    const inlineCss = await loadCssInliner();
    const html = inlineCss('<style>.x, .y:hover { color: red }</style><p class="x y">x</p>');
    expect(html).toContain('<p class="x y" style="color: red;">');
    expect(html).toMatch(/\.y:hover \{ color: red \}/);
  });

  it('takes no `<style media>` for unconditional', async () => {
    const inlineCss = await loadCssInliner();
    for (const media of ['print', 'screen and (max-width: 1px)', '(prefers-color-scheme: dark)']) {
      const html = inlineCss(`<style media="${media}">p { color: red }</style><p>x</p>`);
      expect(html).toBe(`<style media="${media}">p { color: red }</style><p>x</p>`);
    }
    expect(inlineCss('<style media="all">p { color: red }</style><p>x</p>')).toBe(
      '<p style="color: red;">x</p>',
    );
  });

  it('is not misled by braces in the data, nor by a style that says nothing', async () => {
    const inlineCss = await loadCssInliner();
    const html = inlineCss('<style>b { x: y }</style>{{<b>1</b>}}<%<b style="none">2</b>%>');
    expect(html).toBe('{{<b style="x: y;">1</b>}}<%<b style="x: y;">2</b>%>');
  });

  it('holds for MJML’s own', async () => {
    const file =
      '<mjml><mj-head><mj-style>.z{color:red}</mj-style></mj-head><mj-body><mj-section><mj-column><mj-text css-class="z">{{x}}</mj-text></mj-column></mj-section></mj-body></mjml>';
    const { html } = await render({ 'a.mjml': file }, { x: 'X' }, { engine: mjml() });
    expect(html).toMatch(/#outlook a\s*\{\s*padding:\s*0/);
    expect(html).toMatch(/@import url\(https:\/\/fonts/);
    expect(html).toMatch(/<style media="screen[^>]*>\s*\.moz-text-html/);
    expect(html).toMatch(/@media only screen[^{]*\{\s*\.mj-column-per-100/);
    expect(html).toMatch(/class="z"[^>]*color: red/);
  });
});

describe('the text part', () => {
  const text = async (html: string, context = {}) =>
    (await render({ 'a.hbs': html }, context)).text;

  it('keeps cells, terms, summaries and addresses apart', async () => {
    expect(
      await text('<table><tr><th>One</th><th>Two</th></tr><tr><td>3</td><td>4</td></tr></table>'),
    ).toBe('One\nTwo\n3\n4');
    expect(await text('<dl><dt>Term</dt><dd>What</dd><dt>Other</dt><dd>That</dd></dl>')).toBe(
      'Term\nWhat\nOther\nThat',
    );
    expect(
      await text('<details><summary>More</summary>Text</details><address>Street</address>x'),
    ).toBe('More\nText\nStreet\nx');
  });

  it('follows the data: links, numbers, addresses that are their own words', async () => {
    const store = storeOf({
      'a.hbs':
        '{{#if a}}<a href="{{x}}">{{y}}</a>{{else}}<a href="https://no.x">no</a>{{/if}}<ol>{{#each l}}<li>{{this}}</li>{{/each}}</ol>',
    });
    for (let i = 0; i < 3; i += 1) {
      const of = async (context: Record<string, unknown>) =>
        (await store.render('a', context, undefined)).text;
      expect(await of({ a: 1, x: 'https://x.y', y: 'go', l: ['p', 'q'] })).toBe(
        'go [https://x.y]\n 1. p\n 2. q',
      );
      expect(await of({ a: 1, x: 'https://x.y', y: 'https://x.y', l: ['p', 'q'] })).toBe(
        'https://x.y\n 1. p\n 2. q',
      );
      expect(await of({ a: 0, l: ['p'] })).toBe('no [https://no.x]\n 1. p');
    }
  });

  it('has no preview text', async () => {
    const toText = await loadHtmlToText();
    const withPreheader = await render(
      { 'a.hbs': '---\npreheader: pre {{x}}\n---\n<p>b</p>' },
      { x: 1 },
    );
    expect(withPreheader.text).toBe('b');
    expect(toText('<div data-skip-in-text="true">pre</div><p>b</p>')).toBe('b');
    const css = '<style>.pre { display: none }</style><span class="pre">pre</span><p>b</p>';
    expect(await text(css)).toBe('b');
    const file =
      '<mjml><mj-head><mj-preview>pre {{x}}</mj-preview></mj-head><mj-body><mj-section><mj-column><mj-text>b</mj-text></mj-column></mj-section></mj-body></mjml>';
    const mail = await render({ 'a.mjml': file }, { x: 1 }, { engine: mjml() });
    expect(mail.html).toContain('pre 1');
    expect(mail.text).toBe('b');
  });
});

describe('the preheader', () => {
  it.each([
    ['<!doctype html><p>x</p>', '<!doctype html>'],
    [
      '<html><head><title><body></title></head><p>x</p></html>',
      '<html><head><title><body></title></head>',
    ],
    [
      '<!--[if mso]><body class="m"><![endif]--><body class="r"><p>',
      '<!--[if mso]><body class="m"><![endif]--><body class="r">',
    ],
    ['<html data-x="<body>"><body\n title=">">x', '<html data-x="<body>"><body\n title=">">'],
    [
      '<!-- <body> --><!DOCTYPE html>\n<html lang="en">x',
      '<!-- <body> --><!DOCTYPE html>\n<html lang="en">',
    ],
    ['<script>"<body>"</script><BODY>x', '<script>"<body>"</script><BODY>'],
    ['x', ''],
  ])('goes into %s behind the real top', (html, before) => {
    const out = insertPreheader(html, 'pre');
    expect(out.startsWith(`${before}<div data-mail-preheader`)).toBe(true);
    expect(out.replace(/<div data-mail-preheader[^]*?<\/div>/, '')).toBe(html);
  });
});

describe('files', () => {
  it('are found behind the links of a ConfigMap, which may change under us', async () => {
    const dir = folderOf({
      '..2024_1/a.hbs': 'one {{> p}}',
      '..2024_1/p.hbs': 'partial',
      '.a.hbs.swp': 'x',
    });
    mkdirSync(join(dir, 'partials'));
    symlinkSync('..2024_1', join(dir, '..data'));
    symlinkSync('..data/a.hbs', join(dir, 'a.hbs'));
    symlinkSync('../..data/p.hbs', join(dir, 'partials/p.hbs'));
    symlinkSync('..', join(dir, 'partials/up'));
    const store = new TemplateStore(readTemplatesOptions('templates', { dir, reload: true }));
    expect((await store.render('a', {}, undefined)).html).toBe('one partial');
    mkdirSync(join(dir, '..2024_2'));
    writeFileSync(join(dir, '..2024_2/a.hbs'), 'second {{> p}}');
    writeFileSync(join(dir, '..2024_2/p.hbs'), 'new');
    symlinkSync('..2024_2', join(dir, '..next'));
    renameSync(join(dir, '..next'), join(dir, '..data'));
    expect((await store.render('a', {}, undefined)).html).toBe('second new');
    rmSync(join(dir, '..2024_2'), { recursive: true });
    const again = new TemplateStore(readTemplatesOptions('templates', { dir, reload: false }));
    const error = await failureOf(again.load());
    expect(error.message).toMatch(/a\.hbs\): the file is a symbolic link that leads nowhere/);
  });

  it('may begin with a byte order mark', async () => {
    const files = {
      'a.hbs': `${BOM}---\nsubject: S\n---\n{{> p}}`,
      'layouts/default.hbs': `${BOM}<b>{{{body}}}</b>`,
      'partials/p.hbs': `${BOM}p`,
    };
    expect(await render(files)).toMatchObject({ subject: 'S', html: '<b>p</b>' });
  });

  it.each(['"p"', "'p'", '[p]', 'p', '"p" x=1'])('{{> %s}} is a partial', async (name) => {
    expect((await render({ 'a.hbs': `{{> ${name}}}`, 'partials/p.hbs': 'P' })).html).toBe('P');
  });
});

describe('MJML as people write it', () => {
  const section = (inside: string) =>
    `<mjml><mj-body>\n<mj-section><mj-column>\n${inside}\n</mj-column></mj-section></mj-body></mjml>`;
  const of = (file: string, context = {}) =>
    render({ 'a.mjml': file }, context, { engine: mjml() });

  it.each([
    ['', /a\.mjml:1\): the file is empty\. Write `<mjml>/],
    ['hello', /a\.mjml:1\): it is no valid MJML: .*\. Put all of it between `<mjml>`/],
    [
      section('<mj-include path="./x.mjml" />'),
      /a\.mjml:3\): `<mj-include>` is not followed.*\{\{> name\}\}/,
    ],
    [section('<mj-text colour="red">x</mj-text>'), /a\.mjml:3\): it is no valid MJML: .*colour/],
    [
      section('<mj-image src="x" width="{{w}}" />'),
      /a\.mjml:3\): MJML computes with the attribute `width`, so that it cannot come from `\{\{w\}\}`/,
    ],
    [section('<mj-text align="{{side}}">x</mj-text>'), /a\.mjml:3\): .*align/],
  ])('%s is told with file, line and fix', async (file, message) => {
    const error = await failureOf(of(file));
    expect(error).toBeInstanceOf(MailTemplateError);
    expect(error.message).toMatch(message);
  });

  it('takes colours and sizes from variables', async () => {
    const file = section(
      '<mj-text color="{{c}}" font-size="{{s}}px" line-height="{{lh}}">x</mj-text><mj-button background-color="{{#if d}}#000001{{else}}#fffffe{{/if}}">y</mj-button>',
    );
    const { html } = await of(file, { c: 'red', s: 17, lh: '2', d: true });
    expect(html).toMatch(/font-size:\s*17px/);
    expect(html).toMatch(/line-height:\s*2[;"]/);
    expect(html).toMatch(/color:\s*red/);
    expect(html).toMatch(/background:\s*#000001|background-color:\s*#000001/);
  });
});

describe('deep and long html', () => {
  const shapes: readonly [string, string][] = [
    ['<div>x', ''],
    ['<blockquote>x', ''],
    ['<ul><li>x', ''],
    ['<table><tr><td>x', ''],
    ['<a href=x>x', ''],
    ['<p>x</p>', ''],
    ['<td>x</td>', ''],
    ['<b>x', '</b>'],
    ['<', ''],
    ['<!--', ''],
    ['<a b="', ''],
    ['{{', ''],
    ['<style>', ''],
    ['<style>a{', '}</style>'],
    ['<style>a;', ''],
  ];

  it.each(shapes)('%s … costs no more than its length', async (open, close) => {
    const toText = await loadHtmlToText();
    const inlineCss = await loadCssInliner();
    const time = (times: number) => {
      const html = `<style>p b, div > x { color: red }</style>${open.repeat(times)}${close.repeat(times)}`;
      const started = performance.now();
      try {
        toText(inlineCss(html));
      } catch (error) {
        expect(String(error)).toMatch(/deeper than 1000 elements/);
      }
      return performance.now() - started;
    };
    time(300);
    const best = (times: number) => Math.min(time(times), time(times), time(times));
    const small = best(2000);
    // Twice in square, four times in a line, and the noise of a busy machine.
    expect(best(8000)).toBeLessThan(Math.max(10 * small, 400));
  });

  it('is refused where no client would show it, before anything is sent', async () => {
    const store = storeOf({ 'a.hbs': '<style>p { color: red }</style>{{{x}}}' });
    await store.load();
    const x = '<b>'.repeat(5000);
    const error = await failureOf((async () => store.render('a', { x }, undefined))());
    expect(error).toBeInstanceOf(MailTemplateError);
    expect(error.message).toMatch(/the html nests deeper than 1000 elements/);
  });
});

describe('the work of inliner and converter', () => {
  it('is done once for mails that differ in their values alone', async () => {
    const toText = await loadHtmlToText();
    const inlineCss = await loadCssInliner();
    const work = { css: 0, text: 0 };
    const file = { path: 'a.hbs', shown: 'a.hbs', text: PAGE };
    const engine = await handlebars().open({
      helpers: {},
      find: (kind, _name, extensions) =>
        kind === 'template' && extensions.includes('.hbs') ? file : undefined,
      names: () => [],
      inlineCss: (html) => {
        work.css += 1;
        return inlineCss(html);
      },
      toText: Object.assign(
        (html: string) => {
          work.text += 1;
          return toText(html);
        },
        { links: toText.links },
      ),
    });
    const template = await engine.compile('a', '');
    for (let i = 0; i < 200; i += 1) {
      const context = {
        kind: i % 2 ? 'on' : 'off',
        x: `Jo ${i}`,
        link: `https://x.y/${i}`,
        l: [1, 2],
      };
      const mail = await template.render(context, {});
      expect(mail.html).toContain(i % 2 ? 'style="color: red;"' : 'class="off"');
      expect(mail.text).toBe(`Jo ${i}\n\n1\n2\ngo [https://x.y/${i}]`);
    }
    expect(work.css).toBeLessThan(20);
    expect(work.text).toBeLessThan(20);
    const spaced = await template.render(
      { kind: 'on', x: ' a  b ', link: 'https://x.y/1', l: [] },
      {},
    );
    expect(spaced.text).toBe('a b\n\ngo [https://x.y/1]');
  });
});

const PAGE =
  '<style>.on { color: red }</style><p class="{{kind}}">{{x}}</p>{{#each l}}<div>{{this}}</div>{{/each}}<a href="{{link}}">go</a>';
