import { statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { OptionReader } from '../base/option-reader.js';
import { LOCALE } from './locale.js';
import type { TemplateEngine, TemplateHelper } from './template.js';

/** The `templates` option of the module. */
export interface TemplatesOptions {
  /** Folder of the template files and their images; relative to the working directory. Default: none, templates are code. */
  readonly dir?: string;
  /** One engine, or several, told apart by extension and name. Default: Handlebars, imported when `dir` is set. */
  readonly engine?: TemplateEngine | readonly TemplateEngine[];
  /** Folder of the layouts. Default: `layouts` in `dir`. */
  readonly layouts?: string;
  /** Folder of the partials. Default: `partials` in `dir`. */
  readonly partials?: string;
  /** Layout of templates whose front matter names none. Default: `default`, where it exists. */
  readonly layout?: string;
  /** Functions that Handlebars templates may call. What they return is escaped. Default: none. */
  readonly helpers?: Readonly<Record<string, TemplateHelper>>;
  /**
   * The locale of messages that name none and are sent outside `withMailLocale`: a fixed one, or a
   * function that is called within `send` (for `I18nContext.current()?.lang` and the like).
   */
  readonly locale?: string | (() => string | undefined);
  /** Moves CSS from `<style>` to the elements (package `juice`). Default true. */
  readonly inlineCss?: boolean;
  /** Makes the text part from the html where a template has none of its own (package `html-to-text`). Default true. */
  readonly text?: boolean;
  /** Compiles again when a file changed. Default: only with `NODE_ENV=development`. */
  readonly reload?: boolean;
}

export interface ResolvedTemplatesOptions {
  readonly dir?: string;
  readonly engines?: readonly TemplateEngine[];
  readonly layouts?: string;
  readonly partials?: string;
  readonly layout: string;
  readonly helpers: Readonly<Record<string, TemplateHelper>>;
  readonly locale?: string | (() => string | undefined);
  readonly inlineCss: boolean;
  readonly text: boolean;
  readonly reload: boolean;
}

const KNOWN = [
  'dir',
  'engine',
  'layouts',
  'partials',
  'layout',
  'helpers',
  'locale',
  'inlineCss',
  'text',
  'reload',
];

/** @throws MailConfigurationError */
export function readTemplatesOptions(path: string, raw: unknown): ResolvedTemplatesOptions {
  const reader = new OptionReader(path, raw, KNOWN);
  const dir = folder(reader, 'dir');
  const engines = readEngines(reader);
  if (
    dir === undefined &&
    (engines === undefined || engines.some((e) => e.extensions.length > 0))
  ) {
    reader.fail('dir', 'the folder of the template files');
  }
  const locale = reader.raw('locale');
  if (
    locale !== undefined &&
    typeof locale !== 'function' &&
    !(typeof locale === 'string' && LOCALE.test(locale))
  ) {
    reader.fail('locale', 'a language tag such as `pt-BR`, or a function that returns one');
  }
  return {
    dir,
    engines,
    layouts: folder(reader, 'layouts'),
    partials: folder(reader, 'partials'),
    layout: reader.string('layout', 'default'),
    helpers: readHelpers(reader),
    locale: locale as ResolvedTemplatesOptions['locale'],
    inlineCss: reader.boolean('inlineCss', true),
    text: reader.boolean('text', true),
    reload: reader.boolean('reload', process.env['NODE_ENV'] === 'development'),
  };
}

function folder(reader: OptionReader, key: string): string | undefined {
  const given = reader.optionalString(key);
  if (given === undefined) return undefined;
  const path = isAbsolute(given) ? given : resolve(given);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    reader.fail(key, 'an existing folder', `'${path}', which is none`);
  }
  return path;
}

function readEngines(reader: OptionReader): readonly TemplateEngine[] | undefined {
  const given = reader.raw('engine');
  if (given === undefined) return undefined;
  const engines: unknown[] = Array.isArray(given) ? given : [given];
  const good = (engine: unknown): engine is TemplateEngine =>
    typeof engine === 'object' &&
    engine !== null &&
    'open' in engine &&
    'extensions' in engine &&
    Array.isArray(engine.extensions);
  return engines.length > 0 && engines.every(good)
    ? engines
    : reader.fail('engine', 'an engine such as `handlebars()`, or an array of them');
}

function readHelpers(reader: OptionReader): Readonly<Record<string, TemplateHelper>> {
  const given = reader.raw('helpers') ?? {};
  const good =
    typeof given === 'object' && Object.values(given).every((one) => typeof one === 'function');
  return good
    ? (given as Readonly<Record<string, TemplateHelper>>)
    : reader.fail('helpers', 'an object of functions');
}
