import { afterAll, describe, expect, it } from '@jest/globals';
import * as components from '@react-email/components';
import { createElement } from 'react';
import { MailConfigurationError, MailTemplateError } from '../../../lib/base/errors.js';
import { functions, html, unsafeHtml } from '../../../lib/templates/engines/functions.js';
import { handlebars } from '../../../lib/templates/engines/handlebars.js';
import { mjml } from '../../../lib/templates/engines/mjml.js';
import { react } from '../../../lib/templates/engines/react.js';
import type { TemplateEngine } from '../../../lib/templates/template.js';
import { TemplateStore } from '../../../lib/templates/template-store.js';
import { readTemplatesOptions } from '../../../lib/templates/templates.options.js';
import { loadPeer } from '../../../lib/templates/peer.js';
import { failureOf, removeFolders, storeOf } from './support.js';

afterAll(removeFolders);

const codeStore = (engine: TemplateEngine) =>
  new TemplateStore(readTemplatesOptions('templates', { engine }));

const MJML_LAYOUT = `<mjml>
  <mj-head><mj-attributes><mj-text color="#ff0000" /></mj-attributes></mj-head>
  <mj-body>
    {{{body}}}
    {{> footer}}
  </mj-body>
</mjml>`;

describe('MJML', () => {
  const files = {
    'layouts/default.mjml': MJML_LAYOUT,
    'partials/footer.mjml':
      '<mj-section><mj-column><mj-text>Bye from {{shop}}</mj-text></mj-column></mj-section>',
    'welcome.mjml': `---
subject: Hi {{name}}
preheader: pre {{name}}
---
<mj-section><mj-column>
  <mj-text>Hello {{name}}</mj-text>
  <mj-raw>{{#each items}}</mj-raw>
  <mj-text>Item {{this}}</mj-text>
  <mj-raw>{{/each}}</mj-raw>
  <mj-button href="{{link}}">Open</mj-button>
</mj-column></mj-section>`,
  };
  const context = { name: 'Jo <b>', shop: 'S', items: ['a', 'b'], link: 'https://x.y' };

  it('becomes html when it is compiled, with layout and partials', async () => {
    const store = storeOf(files, { engine: mjml() });
    await store.load();
    const mail = await store.render('welcome', context, undefined);
    expect(mail.subject).toBe('Hi Jo <b>');
    expect(mail.html).toMatch(/<div[^>]*color:#ff0000;?"[^>]*>Hello Jo &lt;b&gt;<\/div>/);
    expect(mail.html).toContain('>Item b</div>');
    expect(mail.html).toContain('href="https://x.y"');
    expect(mail.html).toContain('Bye from S');
    expect(mail.html).not.toContain('<mj-');
    expect(mail.text).toMatch(
      /^Hello Jo <b>\s+Item a\s+Item b\s+Open \[https:\/\/x\.y\]\s+Bye from S$/,
    );
  });

  it('names file and line of a missing variable', async () => {
    const store = storeOf(files, { engine: mjml() });
    await store.load();
    const rest = { ...context, shop: undefined };
    const error = await failureOf((async () => store.render('welcome', rest, undefined))());
    expect(error).toMatchObject({ variable: 'shop', line: 1 });
    expect(error['file']).toMatch(/partials\/footer\.mjml$/);
  });

  it.each([
    ['an unknown component', '<mj-sektion></mj-sektion>', /no valid MJML.*mj-sektion/],
    [
      'a block that MJML would drop',
      '<mj-section>\n{{#if a}}<mj-column></mj-column>{{/if}}</mj-section>',
      /a\.mjml:2\).*<mj-raw>\{\{#if a\}\}<\/mj-raw>/,
    ],
  ])('stops at %s', async (_what, body, message) => {
    const store = storeOf(
      { 'a.mjml': `<mjml><mj-body>${body}</mj-body></mjml>` },
      { engine: mjml() },
    );
    const error = await failureOf(store.load());
    expect(error).toBeInstanceOf(MailTemplateError);
    expect(error.message).toMatch(message);
  });

  it('stands beside Handlebars', async () => {
    const store = storeOf({ ...files, 'plain.hbs': 'plain' }, { engine: [handlebars(), mjml()] });
    expect((await store.render('plain', {}, undefined)).html).toBe('plain');
    expect((await store.render('welcome', context, undefined)).html).toContain('Item b');
    const twice = storeOf({ ...files, 'welcome.hbs': 'x' }, { engine: [handlebars(), mjml()] });
    await expect(twice.load()).rejects.toThrow(/there twice, for handlebars and for mjml/);
  });
});

describe('plain functions', () => {
  const store = codeStore(
    functions({
      welcome: ({ name, tags }: { name: string; tags: readonly string[] }, { locale }) => ({
        subject: `Hi ${name}`,
        preheader: `pre ${name}`,
        html: html`<style>
            p {
              color: red;
            }
          </style>
          <p>${name} ${tags.map((tag) => html`<i>${tag}</i>`)} ${locale ?? ''}${null}</p>`,
      }),
      later: async ({ name }: { name: string }) => {
        await Promise.resolve();
        return { html: html`<b>${unsafeHtml(name)}</b>`, text: 'own' };
      },
      raw: () => ({ html: '<b>' as never }),
    }),
  );

  it('escape what they print, and get the same care as files', async () => {
    const mail = await store.render('welcome', { name: '<x>', tags: ['&', 'b'] }, 'de');
    expect(mail.subject).toBe('Hi <x>');
    expect(mail.html).toContain('<p style="color: red;">&lt;x&gt; <i>&amp;</i><i>b</i> de</p>');
    expect(mail.html).toContain('>pre &lt;x&gt;</div>');
    expect(mail.text).toBe('<x> &b de');
  });

  it('may take their time, and vouch for html', async () => {
    expect(await store.render('later', { name: '<u>' }, undefined)).toMatchObject({
      html: '<b><u></b>',
      text: 'own',
    });
  });

  it('fail with their name, and where', async () => {
    const missing = await failureOf(
      (async () => store.render('welcome', { tags: [] }, undefined))(),
    );
    expect(missing).toBeInstanceOf(MailTemplateError);
    expect(missing.message).toMatch(/value 1 of html`…` is missing/);
    expect(missing['file']).toMatch(/html-tag\.|engines\.spec\./);
    const raw = await failureOf((async () => store.render('raw', {}, undefined))());
    expect(raw.message).toMatch(/is no SafeHtml; write it as html`…`/);
  });
});

describe('components', () => {
  interface Props {
    readonly name: string;
    readonly locale?: string;
  }
  const Welcome = ({ name, locale }: Props) =>
    createElement(
      'html',
      null,
      createElement('body', null, createElement('p', null, `Hi ${name} ${locale ?? '-'}`)),
    );
  const Broken = () => {
    throw new Error('broken on purpose');
  };

  it('render by React', async () => {
    const store = codeStore(
      react({
        welcome: {
          component: Welcome,
          subject: ({ name }: Props) => `Hi ${name}`,
          preheader: 'pre',
        },
        short: Welcome,
        broken: Broken,
      }),
    );
    const mail = await store.render('welcome', { name: '<x>' }, 'pt');
    expect(mail.subject).toBe('Hi <x>');
    expect(mail.html).toMatch(
      /^<!DOCTYPE html><html>(?:<head><\/head>)?<body><div data-mail-preheader[^>]*>pre<\/div><p>Hi &lt;x&gt; pt<\/p>/,
    );
    expect(mail.text).toBe('Hi <x> pt');
    expect((await store.render('short', { name: 'a' }, undefined)).subject).toBeUndefined();
    const error = await failureOf((async () => store.render('broken', {}, undefined))());
    expect(error.message).toMatch(
      /Template 'broken' \(.*engines\.spec\.ts:\d+\): its function failed: broken on purpose/,
    );
  });

  it('may be made of React Email’s parts', async () => {
    const { Body, Button, Html, Preview, Tailwind, render } = components;
    const Confirm = ({ link }: { link: string }) =>
      createElement(Tailwind, {
        children: createElement(
          Html,
          null,
          createElement(Preview, null, 'One click'),
          createElement(
            Body,
            null,
            createElement(Button, { href: link, className: 'bg-[#112233]' }, 'Confirm <now>'),
          ),
        ),
      });
    const store = codeStore(react({ confirm: { component: Confirm, subject: 'Go' } }, { render }));
    const { subject, html, text } = await store.render(
      'confirm',
      { link: 'https://x.y/?a=1&b=2' },
      undefined,
    );
    expect(subject).toBe('Go');
    expect(html).toMatch(/^<!DOCTYPE html/i);
    expect(html).toContain('One click');
    expect(html).toContain('Confirm &lt;now&gt;');
    expect(html).toMatch(/background-color:\s*rgb\(17,\s*34,\s*51\)/);
    expect(text).toContain('https://x.y/?a=1&b=2');
  });

  it('render by whatever is given', async () => {
    const store = codeStore(
      react(
        { a: (props: { x: string }) => `<p>${props.x}</p>` },
        {
          createElement: (component: (props: object) => unknown, props: object) => component(props),
          render: async (element: string) => element,
        },
      ),
    );
    expect((await store.render('a', { x: 'y' }, undefined)).html).toBe('<!DOCTYPE html><p>y</p>');
  });
});

describe('optional packages', () => {
  it('are named with the command that installs them', async () => {
    const gone = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    const error = await failureOf(
      loadPeer('react react-dom', () => Promise.reject(gone), 'templates.engine'),
    );
    expect(error).toBeInstanceOf(MailConfigurationError);
    expect(error.message).toContain('run `npm install react react-dom`');
  });
});

describe('options', () => {
  it.each([
    [{}, /`templates.dir` to be the folder of the template files/],
    [{ dir: '/nowhere' }, /an existing folder, got '\/nowhere'/],
    [{ dir: '.', engine: 'hbs' }, /an engine such as `handlebars\(\)`/],
    [{ dir: '.', helpers: { a: 1 } }, /an object of functions/],
    [{ dir: '.', locale: '../x' }, /a language tag/],
    [{ dir: '.', layuot: 'x' }, /Did you mean `layout`/],
  ])('%j is refused', (options, message) => {
    expect(() => readTemplatesOptions('templates', options)).toThrow(message);
  });
});
