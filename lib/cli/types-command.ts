import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { MailTemplateError } from '../base/errors.js';
import { handlebars } from '../templates/engines/handlebars.js';
import { mjml } from '../templates/engines/mjml.js';
import { TemplateStore } from '../templates/template-store.js';
import type { TemplateHelper } from '../templates/template.js';
import { readTemplatesOptions } from '../templates/templates.options.js';
import type { CliOutput } from './output.js';
import { typesText } from './types-text.js';

const USAGE = `npx nestjs-mail-relay types --dir <folder> [--out <file>] [--check]

Writes the interface MailTemplates from the variables of your templates.

  --dir <folder>  of the template files
  --out <file>    default: mail-templates.d.ts in the folder
  --check         writes nothing; fails when the file is out of date`;

export const TYPES_COMMAND = {
  types: 'write the context types of your templates (--dir FOLDER, --help)',
};

/** Answers the exit code. */
export async function runTypes(
  args: readonly string[],
  { out: print, err }: CliOutput,
): Promise<number> {
  const values = parse(args);
  if (typeof values !== 'string' && values.help) {
    print(USAGE);
    return 0;
  }
  if (typeof values === 'string' || values.dir === undefined) {
    err(`${typeof values === 'string' ? values : 'types takes --dir'}\n\n${USAGE}`);
    return 2;
  }
  if (!existsSync(values.dir)) {
    err(`There is no folder ${values.dir}`);
    return 1;
  }
  const { dir, check, out = `${dir}/mail-templates.d.ts` } = values;
  const text = typesText(await variablesIn(dir));
  const before = existsSync(out) ? readFileSync(out, 'utf8') : undefined;
  if (before === text) {
    print(`${out} is up to date`);
    return 0;
  }
  if (check) {
    err(`${out} is out of date: run \`npx nestjs-mail-relay types --dir ${dir}\``);
    return 1;
  }
  writeFileSync(out, text);
  print(`${out} is written`);
  return 0;
}

/** What was asked for, or what is wrong with it. */
function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        dir: { type: 'string' },
        out: { type: 'string' },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

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
