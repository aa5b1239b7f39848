import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { MailTemplateError } from '../../../lib/base/errors.js';
import { withMailLocale } from '../../../lib/templates/locale.js';
import { TemplateStore } from '../../../lib/templates/template-store.js';
import { readTemplatesOptions } from '../../../lib/templates/templates.options.js';
import { failureOf, folderOf, removeFolders, storeOf } from './support.js';

afterAll(removeFolders);

const LAYOUT = `<!doctype html>
<html><head><style>
.box { color: red }
.box:hover { color: blue }
</style></head>
<body>
{{{body}}}
{{> footer}}
</body></html>`;

const files = {
  'layouts/default.hbs': LAYOUT,
  'partials/footer.hbs': '<p class="foot">Bye from {{shop}}</p>',
  'partials/button.hbs': '<a class="box" href="{{url}}">{{label}}</a>',
  'welcome.hbs': `---
subject: Welcome to {{shop}}, {{name}}
preheader: Your account, {{name}}
---
<h1 class="box">Hello {{name}}</h1>
<table>{{#each orders}}<tr><td>{{id}} of {{../name}}</td></tr>{{/each}}</table>
{{#if coupon}}<p>Coupon {{coupon}}</p>{{/if}}
{{> button url=link label="Open it"}}`,
};
const context = {
  shop: 'Shop & Co',
  name: 'Jo <script>',
  orders: [{ id: 7 }, { id: 8 }],
  link: 'https://example.com/?a=1&b=2',
};

describe('Handlebars templates', () => {
  it('fills subject, html with layout and partials, and text', async () => {
    const store = storeOf(files);
    await store.load();
    const mail = await store.render('welcome', context, undefined);
    expect(mail.subject).toBe('Welcome to Shop & Co, Jo <script>');
    expect(mail.html).toContain('Hello Jo &lt;script&gt;</h1>');
    expect(mail.html).toContain('Bye from Shop &amp; Co');
    expect(mail.html).toContain('<td>8 of Jo &lt;script&gt;</td>');
    expect(mail.html).toContain('href="https://example.com/?a&#x3D;1&amp;b&#x3D;2"');
    expect(mail.html).toMatch(/<body>\s*<div data-mail-preheader[^>]*>Your account, Jo &lt;/);
    expect(mail.html).not.toContain('Coupon');
    expect(mail.text).toBe(
      [
        'Hello Jo <script>',
        '',
        '7 of Jo <script>',
        '8 of Jo <script>',
        '',
        'Open it [https://example.com/?a=1&b=2]',
        '',
        'Bye from Shop & Co',
      ].join('\n'),
    );
  });

  it('moves CSS to the elements once, and keeps what cannot be moved', async () => {
    const store = storeOf(files);
    await store.load();
    const { html } = await store.render('welcome', context, undefined);
    expect(html).toMatch(/<h1 class="box" style="color: red;">/);
    expect(html).toMatch(/<a class="box" href="[^"]*" style="color: red;">/);
    expect(html).toMatch(/\.box:hover/);
    expect(html).not.toMatch(/\.box \{/);
  });

  it('moves CSS when filled where the data decides what it selects', async () => {
    const store = storeOf({
      'a.hbs': '<style>.on { color: red } .off { color: grey }</style><p class="{{kind}}">x</p>',
      'b.hbs':
        '<style>tr:nth-child(2) { color: red }</style><table>{{#each rows}}<tr><td>{{this}}</td></tr>{{/each}}</table>',
      'c.hbs': '<style>.x { color: red }</style><p {{#if x}}class="x"{{else}}id="y"{{/if}}>c</p>',
    });
    expect((await store.render('a', { kind: 'off' }, undefined)).html).toBe(
      '<p class="off" style="color: grey;">x</p>',
    );
    expect((await store.render('b', { rows: [1, 2] }, undefined)).html).toContain(
      '<tr style="color: red;"><td>2',
    );
    expect((await store.render('c', { x: 1 }, undefined)).html).toContain('style="color: red;"');
    expect((await store.render('c', {}, undefined)).html).toBe('<p id="y">c</p>');
  });

  it('names template, file, line and variable when one is missing', async () => {
    const store = storeOf(files);
    await store.load();
    const without = { ...context, orders: [{}] };
    const error = await failureOf((async () => store.render('welcome', without, undefined))());
    expect(error).toBeInstanceOf(MailTemplateError);
    expect(error).toMatchObject({
      code: 'MAIL_TEMPLATE',
      template: 'welcome',
      variable: 'id',
      line: 6,
    });
    expect(error['file']).toMatch(/welcome\.hbs$/);
    expect(error.message).toMatch(
      /welcome\.hbs:6\): the variable `id` of `\{\{id\}\}` is missing\. Give it in `context`/,
    );
    const inPartial = await failureOf(
      (async () => store.render('welcome', { ...context, shop: undefined, x: 1 }, undefined))(),
    );
    expect(inPartial).toMatchObject({ variable: 'shop' });
    const noLink = { ...context, link: undefined };
    const inArgument = await failureOf((async () => store.render('welcome', noLink, undefined))());
    expect(inArgument).toMatchObject({ variable: 'link', line: 8 });
  });

  it('takes for missing what is there and undefined, or inherited, wherever it stands', async () => {
    class User {
      readonly #name = 'Jo';
      get name(): string {
        return this.#name;
      }
    }
    const store = storeOf({
      'path.hbs': '\n{{user.name}}',
      'name.hbs': '{{name}}',
      'each.hbs': '{{#each rows}}{{name}}{{/each}}',
      'data.hbs': '{{@lcoale}}',
      'tests.hbs': '{{#if user.name}}x{{/if}}{{#user}}x{{/user}}',
      'call.hbs': '\n{{> button url=user.link}}',
      'partials/button.hbs': '{{url}}',
    });
    await store.load();
    const of = async (name: string, context: object) =>
      (await failureOf((async () => store.render(name, { ...context }, undefined))())).message;
    const path =
      'path.hbs:2): the variable `user.name` of `{{user.name}}` is missing. Give it in `context`, or write `{{#if user.name}}` around it where it may be missing';
    expect(await of('path', { user: { name: undefined } })).toContain(path);
    expect(await of('path', { user: {} })).toContain(path);
    expect(await of('path', { user: null })).toContain(path);
    expect(await of('path', {})).toContain(path);
    expect(await of('path', { user: new User() })).toContain(
      'the variable `user.name` of `{{user.name}}` is inherited, from a class or a prototype, and such are not read. Copy it into `context`',
    );
    expect(await of('each', { rows: [{ name: 'a' }, { name: undefined }] })).toContain(
      'is missing',
    );
    expect(await of('data', {})).toContain('the variable `@lcoale` of `{{@lcoale}}` is missing');
    const call = 'call.hbs:2): the variable `user.link` of `{{> … url=user.link}}` is missing';
    expect(await of('call', { user: {} })).toContain(call);
    expect(await of('call', { user: null })).toContain(call);
    expect(await of('call', {})).toContain(call);
    const inherited = await failureOf(
      (async () => store.render('name', new User() as object as never, undefined))(),
    );
    expect(inherited.message).toContain('is inherited');
    expect((await store.render('tests', {}, undefined)).html).toBe('');
    expect((await store.render('tests', { user: null }, undefined)).html).toBe('');
    expect((await store.render('name', { name: null }, undefined)).html).toBe('');
    expect((await store.render('name', { name: 0 }, undefined)).html).toBe('0');
  });

  it('prints no object, which has no words', async () => {
    const store = storeOf({ 'a.hbs': '<p>{{user}}</p>' });
    await store.load();
    for (const user of [{ name: 'Jo' }, Promise.resolve('Jo'), new Map()]) {
      const error = await failureOf((async () => store.render('a', { user }, undefined))());
      expect(error.message).toContain(
        'a.hbs:1): the variable `user` of `{{user}}` is an object. Print one of its fields, such as `{{user.name}}`',
      );
    }
    const words = { toString: () => 'Jo & Co' };
    expect((await store.render('a', { user: words }, undefined)).html).toBe('<p>Jo &amp; Co</p>');
  });

  it.each([
    [
      'a {{ that never ends',
      { 'x.hbs': '<p>\n{{name</p>' },
      /x\.hbs:2\): a `\{\{` is never closed/,
    ],
    ['an unclosed block', { 'x.hbs': '<p>\n\n{{#if a}}</p>' }, /x\.hbs:3\): it does not parse/],
    [
      'a wrong closing tag',
      { 'x.hbs': '{{#if a}}\n{{/each}}' },
      /x\.hbs:1\): it does not parse: if doesn't match each/,
    ],
    [
      'an unknown partial',
      { 'x.hbs': '\n{{> foter}}', 'partials/footer.hbs': '' },
      /x\.hbs:2\): there is no partial 'foter'. Did you mean 'footer'/,
    ],
    [
      'an unknown layout',
      { 'x.hbs': '---\nlayout: man\n---\n', 'layouts/main.hbs': '{{{body}}}' },
      /x\.hbs:2\): there is no layout 'man'. Did you mean 'main'/,
    ],
    [
      'a layout without a place',
      { 'x.hbs': 'a', 'layouts/default.hbs': '<p>' },
      /layouts\/default\.hbs\): the layout has no place/,
    ],
    [
      'an unknown helper',
      { 'x.hbs': '\n\n{{uper name}}' },
      /x\.hbs:3\): there is no helper `uper`. Did you mean `upper`/,
    ],
    [
      'bad front matter',
      { 'x.hbs': '---\nsubjct: x\n---\n' },
      /x\.hbs:2\): `subjct: x` is no line of front matter. Did you mean `subject`/,
    ],
    ['front matter that never ends', { 'x.hbs': '---\nsubject: x\n' }, /never ends/],
    [
      'a partial in itself',
      { 'x.hbs': '{{> a}}', 'partials/a.hbs': '{{> a}}' },
      /partials\/a\.hbs:1\): partials go deeper/,
    ],
    ['a partial block', { 'x.hbs': '{{#> a}}{{/a}}' }, /not supported/],
    [
      'a file with a dot in its name',
      { 'order.shipped.hbs': 'x' },
      /order\.shipped\.hbs\): the file is not called/,
    ],
    ['only single locales', { 'x.de.hbs': 'x' }, /Add x\.hbs/],
  ])('stops at %s, when it is loaded', async (_what, given, message) => {
    const store = storeOf(given, { helpers: { upper: (text: string) => text.toUpperCase() } });
    const error = await failureOf(store.load());
    expect(error).toBeInstanceOf(MailTemplateError);
    expect(error.message).toMatch(message);
  });

  it('suggests a name for a template that is not there', async () => {
    const store = storeOf(files);
    await expect(store.check('welcom')).rejects.toThrow(
      /there is no template of that name in .*\. Did you mean 'welcome'\?/,
    );
    for (const name of [
      '../welcome',
      '__proto__',
      'constructor',
      '/etc/passwd',
      'layouts/default',
    ]) {
      await expect(store.check(name)).rejects.toThrow(MailTemplateError);
    }
  });

  it('falls back from pt-BR to pt to the default, file by file', async () => {
    const store = storeOf({
      'a.hbs': 'en {{> who}} {{@locale}}',
      'a.pt.hbs': 'pt {{> who}} {{@locale}}',
      'b.hbs': 'en b',
      'b.pt-BR.hbs': 'br b',
      'partials/who.hbs': 'world',
      'partials/who.pt-BR.hbs': 'mundo',
    });
    const html = async (name: string, locale?: string) =>
      (await store.render(name, {}, locale)).html;
    expect(await html('a', 'pt-BR')).toBe('pt mundo pt-BR');
    expect(await html('a', 'pt_PT')).toBe('pt world pt_PT');
    expect(await html('a', 'de')).toBe('en world de');
    expect(await html('a')).toBe('en world ');
    expect(await html('b', 'PT-br')).toBe('br b');
    expect(await html('b', 'pt')).toBe('en b');
  });

  it('takes the default locale and that of the async context', async () => {
    const store = storeOf({ 'a.en.hbs': 'en', 'a.de.hbs': 'de' }, { locale: 'en' });
    expect((await store.render('a', {}, 'fr')).html).toBe('en');
    expect(store.localeNow()).toBe('en');
    await withMailLocale('de', async () => {
      await Promise.resolve();
      expect(store.localeNow()).toBe('de');
    });
  });

  it('uses a text file of its own, with a text layout', async () => {
    const store = storeOf({
      'a.hbs': '---\nsubject: S\n---\n<b>{{x}}</b>',
      'a.text.hbs': 'plain {{x}}',
      'layouts/default.hbs': '<html>{{{body}}}</html>',
      'layouts/default.text.hbs': '{{{body}}}\n-- end',
    });
    expect(await store.render('a', { x: '<>' }, undefined)).toMatchObject({
      subject: 'S',
      html: '<html><b>&lt;&gt;</b></html>',
      text: 'plain <>\n-- end',
    });
  });

  it('reads html that is printed as it is for the text part', async () => {
    const store = storeOf({ 'a.hbs': '<p>{{{news}}}</p>' });
    const mail = await store.render(
      'a',
      { news: '<b>big</b> <a href="https://x.y">news</a>' },
      undefined,
    );
    expect(mail).toMatchObject({ text: 'big news [https://x.y]' });
  });

  it('escapes what helpers answer, unless they vouch for it', async () => {
    const { default: Handlebars } = await import('handlebars');
    const store = storeOf(
      { 'a.hbs': '<p>{{shout x}} {{bold x}}</p>' },
      {
        helpers: {
          shout: (text: string) => `${text}!`,
          bold: (text: string) =>
            new Handlebars.SafeString(`<b>${Handlebars.escapeExpression(text)}</b>`),
        },
      },
    );
    expect(await store.render('a', { x: '<i>' }, undefined)).toMatchObject({
      html: '<p>&lt;i&gt;! <b>&lt;i&gt;</b></p>',
      text: '<i>! <i>',
    });
  });

  it('attaches the images that it shows, and only from its folder', async () => {
    const store = storeOf({
      'a.hbs':
        '<img src="cid:img/logo.png"><img src="cid:../secret.png"><img src="cid:other.png">{{x}}',
      'img/logo.png': Buffer.from('PNG'),
    });
    const { images } = await store.render('a', { x: '<img src="cid:img/logo.png">' }, undefined);
    expect(images).toEqual([
      { cid: 'img/logo.png', filename: 'logo.png', content: Buffer.from('PNG') },
    ]);
  });

  it('compiles again when a file changed, with `reload` only', async () => {
    const dir = folderOf({ 'a.hbs': 'one' });
    const store = (reload: boolean) =>
      new TemplateStore(readTemplatesOptions('templates', { dir, reload }));
    const fixed = store(false);
    const live = store(true);
    await fixed.load();
    expect((await live.render('a', {}, undefined)).html).toBe('one');
    writeFileSync(join(dir, 'a.hbs'), 'three');
    expect((await live.render('a', {}, undefined)).html).toBe('three');
    expect((await fixed.render('a', {}, undefined)).html).toBe('one');
  });
});

describe('hostile context', () => {
  const store = storeOf({
    'a.hbs': '---\nsubject: Hi {{x}}\n---\n<p title="{{x}}">{{x}}</p>',
    'b.hbs': '{{#if o.x}}{{o.x}}{{/if}}{{#each o}}{{@key}}={{this}};{{/each}}',
  });

  it.each([
    ['html', '<script>alert(1)</script>"\'`='],
    ['mustaches', '{{x}} {{{x}}} {{#each this}}'],
    ['our own tokens', '\uE0000\uE001\uE0001\uE001'],
    ['replacement patterns', "$& $1 $` $'"],
  ])('prints %s as text', async (_what, x) => {
    const mail = await store.render('a', { x }, undefined);
    expect(mail.text).toBe(x);
    expect(mail.html).not.toMatch(/<script|[`']/);
    expect(mail.subject).toBe(`Hi ${x}`);
    const shown = mail.html!.replace(/^<p title="[^"]*">|<\/p>$/g, '');
    const plain = shown.replace(
      /&lt;|&gt;|&quot;|&#x27;|&#x60;|&#x3D;|&amp;/g,
      (entity) => PLAIN[entity]!,
    );
    expect(plain).toBe(x);
  });

  it('takes no value for the end of the subject', async () => {
    const store = storeOf({ 'a.hbs': '---\nsubject: To {{x}}\n---\n<p>Hi {{x}}</p>' });
    for (const x of ['\x01', '\n\x01\n', 'a\x01b', '\0']) {
      const mail = await store.render('a', { x }, undefined);
      expect(mail.subject).toBe(`To ${x}`);
      // The converter reads html: at the end of a paragraph white space is nothing.
      expect(mail.text).toBe(`Hi ${x.trim()}`.trim());
    }
  });

  it('takes a string of a megabyte', async () => {
    const x = '<'.repeat(1 << 20);
    const mail = await store.render('a', { x }, undefined);
    expect(mail.text).toHaveLength(1 << 20);
    expect(mail.html).toHaveLength(2 * 4 * (1 << 20) + '<p title=""></p>'.length);
  });

  it('neither reads nor writes a prototype', async () => {
    const o: unknown = JSON.parse('{"__proto__":{"x":"polluted"},"constructor":"c"}');
    const mail = await store.render(
      'b',
      { o, ...(JSON.parse('{"__proto__":{"y":1}}') as object) },
      undefined,
    );
    expect(mail.html).not.toContain('polluted');
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
    const error = await failureOf(
      (async () =>
        store.render(
          'a',
          JSON.parse('{"__proto__":{"x":"inherited"}}') as object as never,
          undefined,
        ))(),
    );
    expect(error).toMatchObject({ variable: 'x' });
  });
});

const PLAIN: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#x27;': "'",
  '&#x60;': '`',
  '&#x3D;': '=',
  '&amp;': '&',
};
