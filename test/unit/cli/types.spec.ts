import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { runCli } from '../../../lib/cli/cli.js';
import { folderOf, removeFolders } from '../templates/support.js';

afterAll(removeFolders);

const files = {
  'welcome.hbs': `---
subject: Hi {{user.name}}
---
{{#if coupon}}{{coupon.code}}{{/if}}
{{#each orders as |order index|}}{{order.id}}{{upper ../title}}{{@index}}{{/each}}
{{> button url=link label="x"}}`,
  'welcome.de.hbs': '{{user.age}}',
  'order/shipped.mjml': '<mjml><mj-body></mj-body></mjml>',
  'partials/button.hbs': '<a href="{{url}}">{{label}} {{shop}}</a>',
};

async function run(...args: string[]) {
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  const code = await runCli(['types', ...args], { out: print, err: print });
  return { code, out: lines.join('\n') };
}

describe('types', () => {
  it('writes what the templates take, and keeps watch', async () => {
    const dir = folderOf(files);
    const out = join(dir, 'mail-templates.d.ts');
    expect((await run('--dir', dir, '--check')).code).toBe(1);
    expect(await run('--dir', dir)).toEqual({ code: 0, out: `${out} is written` });
    expect(readFileSync(out, 'utf8'))
      .toBe(`// Written by \`npx nestjs-mail-relay types\`. Do not edit: change the templates and run it again.
import 'nestjs-mail-relay';

declare module 'nestjs-mail-relay' {
  interface MailTemplates {
    "order/shipped": object;
    welcome: {
      coupon?: {
        code?: string | number;
      };
      link: string | number;
      orders: readonly {
        id: string | number;
      }[];
      shop: string | number;
      title: unknown;
      user: {
        age: string | number;
        name: string | number;
      };
    };
  }
}
`);
    expect((await run('--dir', dir, '--check')).code).toBe(0);
    writeFileSync(join(dir, 'welcome.de.hbs'), '{{more}}');
    expect((await run('--dir', dir, '--check')).out).toMatch(/is out of date: run `npx/);
  });

  it('names file and line of a template that does not compile', async () => {
    const dir = folderOf({ 'a.hbs': '{{#if x}}' });
    const { code, out } = await run('--dir', dir);
    expect(code).toBe(1);
    expect(out).toMatch(/a\.hbs:1\)/);
  });

  it('says what is wrong with what it was given', async () => {
    expect(await run()).toMatchObject({ code: 2 });
    expect((await run('--directory', 'x')).out).toContain('--directory');
    expect(await run('--dir', '/nowhere')).toEqual({
      code: 1,
      out: 'There is no folder /nowhere',
    });
  });
});
