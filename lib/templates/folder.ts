import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { MailTemplateError } from '../base/errors.js';
import { LOCALE, localeChain } from './locale.js';
import type { TemplateFile, TemplateFileKind } from './template.js';

export interface TemplateFolders {
  readonly dir?: string;
  readonly layouts?: string;
  readonly partials?: string;
  /** Tried after the asked locale and before files without one. */
  readonly defaultLocale?: string;
}

/** What a template may be called: folders with `/`, no dots, since they begin locale and extension. */
const NAME = /^[\w-]+(?:\/[\w-]+)*$/;

/** A path as people know it. */
export function shownPath(path: string): string {
  const below = relative(process.cwd(), path);
  return below.startsWith('..') ? path : below.split(sep).join('/');
}

/**
 * The files below the templates' folder, by kind, name, locale and extension. A name or locale from
 * outside is only ever looked up here, so it can lead to no other file.
 */
export class TemplateFolder {
  /** `kind:name` → `locale|extension` → path. */
  private readonly files = new Map<string, Map<string, string>>();
  readonly locales = new Set<string>();
  private readonly defaults: readonly string[];

  constructor(
    private readonly folders: TemplateFolders,
    private readonly extensions: readonly string[],
  ) {
    const { dir, defaultLocale } = folders;
    this.defaults = defaultLocale === undefined ? [''] : [...localeChain(defaultLocale), ''];
    if (dir === undefined) return;
    const layouts = resolve(folders.layouts ?? join(dir, 'layouts'));
    const partials = resolve(folders.partials ?? join(dir, 'partials'));
    this.scan('template', resolve(dir), [layouts, partials]);
    this.scan('layout', layouts, []);
    this.scan('partial', partials, []);
  }

  /** The nearest locale that some file has, so that what is kept per locale stays bounded. */
  effectiveLocale(asked: string | undefined): string {
    if (asked === undefined) return '';
    return localeChain(asked).find((locale) => this.locales.has(locale)) ?? '';
  }

  find(
    kind: TemplateFileKind,
    name: string,
    extensions: readonly string[],
    locale: string,
  ): TemplateFile | undefined {
    const found = this.files.get(`${kind}:${name}`);
    if (!found) return undefined;
    const locales = locale === '' ? this.defaults : [...localeChain(locale), ...this.defaults];
    for (const one of locales) {
      for (const extension of extensions) {
        const path = found.get(`${one}|${extension}`);
        if (path !== undefined) {
          return { path, shown: shownPath(path), text: readText(path) };
        }
      }
    }
    return undefined;
  }

  names(kind: TemplateFileKind, extensions: readonly string[]): string[] {
    const ends = extensions.map((extension) => `|${extension}`);
    return [...this.files]
      .filter(([key, found]) => {
        const keys = [...found.keys()];
        return key.startsWith(`${kind}:`) && keys.some((k) => ends.some((end) => k.endsWith(end)));
      })
      .map(([key]) => key.slice(kind.length + 1))
      .sort();
  }

  /** Changes whenever a file does, comes or goes. */
  fingerprint(): string {
    const { dir, layouts, partials } = this.folders;
    return [dir, layouts, partials]
      .flatMap((folder) => (folder === undefined ? [] : walk(resolve(folder))))
      .map((path) => {
        const stat = statSync(path, { throwIfNoEntry: false });
        return `${path}|${stat?.mtimeMs ?? 0}|${stat?.size ?? 0}`;
      })
      .join('\n');
  }

  private scan(kind: TemplateFileKind, folder: string, without: readonly string[]): void {
    for (const path of walk(folder)) {
      if (without.some((other) => path.startsWith(other + sep))) continue;
      const below = relative(folder, path).split(sep).join('/');
      const extension = this.extensionOf(below);
      if (extension === undefined) continue;
      const stem = below.slice(0, -extension.length);
      if (!statSync(path, { throwIfNoEntry: false })) {
        throw new MailTemplateError({
          template: stem,
          file: shownPath(path),
          problem: 'the file is a symbolic link that leads nowhere',
          fix: 'Restore what it points to, or remove the link',
        });
      }
      const dot = stem.indexOf('.', stem.lastIndexOf('/') + 1);
      const name = dot < 0 ? stem : stem.slice(0, dot);
      const locale = dot < 0 ? '' : stem.slice(dot + 1);
      if (!NAME.test(name) || (locale !== '' && !LOCALE.test(locale))) {
        throw new MailTemplateError({
          template: stem,
          file: shownPath(path),
          problem: 'the file is not called `name`, `name.locale` or `name.locale.text`',
          fix: 'Use letters, digits, `_` and `-` in the name, and a language tag such as `pt-BR` as locale',
        });
      }
      const key = `${kind}:${name}`;
      const found = this.files.get(key) ?? new Map<string, string>();
      this.files.set(key, found);
      const tag = locale.toLowerCase().replaceAll('_', '-');
      if (tag !== '') this.locales.add(tag);
      found.set(`${tag}|${extension}`, path);
    }
  }

  private extensionOf(path: string): string | undefined {
    const extension = this.extensions.find((one) => path.endsWith(one));
    if (extension === undefined) return undefined;
    return path.endsWith(`.text${extension}`) ? `.text${extension}` : extension;
  }
}

/** Editors of some systems put a mark of the byte order in front. */
const readText = (path: string) => readFileSync(path, 'utf8').replace(/^\uFEFF/, '');

/**
 * Files below a folder, behind symbolic links as well: Kubernetes shows each file of a ConfigMap as
 * `w.hbs -> ..data/w.hbs`. What begins with a dot is not for us.
 */
function walk(folder: string, above: readonly string[] = []): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  const real = realpathSync(folder);
  // A link that leads back up.
  if (above.includes(real)) return [];
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat?.isDirectory()) return walk(path, [...above, real]);
      return stat?.isFile() === false ? [] : [path];
    });
}
