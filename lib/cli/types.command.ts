import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { MailTemplateError } from '../errors.js';
import { handlebars } from '../templates/engines/handlebars.js';
import { mjml } from '../templates/engines/mjml.js';
import { TemplateStore } from '../templates/template-store.js';
import type { TemplateHelper } from '../templates/template.js';
import { readTemplatesOptions } from '../templates/templates.options.js';
import type { Command } from './command.js';
import { typesText } from './types-text.js';

const USAGE = `npx nestjs-mail-relay types --dir <folder> [--out <file>] [--check]

Writes the interface MailTemplates from the variables of your templates.

  --dir <folder>  of the template files
  --out <file>    default: mail-templates.d.ts in the folder
  --check         writes nothing; fails when the file is out of date`;

export const typesCommand: Command = {
  name: 'types',
  says: 'writes the context types of your templates',
  async run(args, print) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        dir: { type: 'string' },
        out: { type: 'string' },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help || values.dir === undefined) {
      print(USAGE);
      return values.help ? 0 : 2;
    }
    const out = values.out ?? `${values.dir}/mail-templates.d.ts`;
    const text = typesText(await variablesIn(values.dir));
    const before = existsSync(out) ? readFileSync(out, 'utf8') : undefined;
    if (before === text) {
      print(`${out} is up to date`);
      return 0;
    }
    if (values.check) {
      print(`${out} is out of date: run \`npx nestjs-mail-relay types --dir ${values.dir}\``);
      return 1;
    }
    writeFileSync(out, text);
    print(`${out} is written`);
    return 0;
  },
};

async function variablesIn(dir: string) {
  const hasMjml = readdirSync(dir, { recursive: true, encoding: 'utf8' }).some((name) =>
    name.endsWith('.mjml'),
  );
  const engine = hasMjml ? [handlebars(), mjml()] : handlebars();
  // The app's helpers are not known here; what is called like one is taken for one.
  const helpers: Record<string, TemplateHelper> = {};
  for (;;) {
    const given = { dir, engine, helpers, inlineCss: false, text: false };
    const store = new TemplateStore(readTemplatesOptions('templates', given));
    try {
      return await store.variables();
    } catch (error) {
      const helper = error instanceof MailTemplateError ? error.variable : undefined;
      if (helper === undefined || Object.hasOwn(helpers, helper)) throw error;
      helpers[helper] = () => '';
    }
  }
}
