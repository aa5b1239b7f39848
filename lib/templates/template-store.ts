import { MailTemplateError } from '../base/errors.js';
import type { MailAttachmentInput } from '../message/message.js';
import { suggest } from '../base/suggest.js';
import { loadCssInliner } from './css.js';
import { TemplateFolder } from './folder.js';
import { loadHtmlToText } from './html-text.js';
import { TemplateImages } from './images.js';
import { currentMailLocale } from './locale.js';
import type {
  CompiledTemplate,
  RenderedTemplate,
  TemplateCompiler,
  TemplateContext,
  TemplateEngine,
  TemplateKit,
  TemplateShape,
} from './template.js';
import type { ResolvedTemplatesOptions } from './templates.options.js';
import { isThenable } from '../base/thenable.js';

export interface StoredMail extends RenderedTemplate {
  /** Images of the templates' folder that the html shows. */
  readonly images: readonly MailAttachmentInput[];
  /** Content-IDs that the html shows, with an image or without. */
  readonly cids: readonly string[];
}

const NONE: readonly never[] = [];

interface Opened {
  readonly engine: TemplateEngine;
  readonly compiler: TemplateCompiler;
}

/** All that was read and compiled from one state of the folder. */
interface Loaded {
  readonly folder: TemplateFolder;
  readonly images: TemplateImages;
  readonly owners: ReadonlyMap<string, Opened>;
  /** `name|locale` → compiled. */
  readonly compiled: Map<string, CompiledTemplate>;
  readonly fingerprint?: string;
}

/** Finds, compiles and fills templates. Every template is compiled once, before the first mail. */
export class TemplateStore {
  private loading?: Promise<Loaded>;
  private loaded?: Loaded;

  constructor(private readonly options: ResolvedTemplatesOptions) {}

  /**
   * Compiles every template in every locale; a second call returns the first's.
   * @throws MailTemplateError for the first that does not compile, with file, line and fix.
   */
  async load(): Promise<void> {
    await this.state();
  }

  /** @throws MailTemplateError when there is none of that name. */
  async check(name: string): Promise<void> {
    const { owners } = await this.state();
    if (!owners.has(name)) this.missing(name, owners);
  }

  /** Every template with the variables that it takes, as far as its engine knows. */
  async variables(): Promise<ReadonlyMap<string, readonly TemplateShape[]>> {
    const { compiled, owners } = await this.state();
    const found = new Map<string, TemplateShape[]>([...owners.keys()].map((name) => [name, []]));
    for (const [key, { variables }] of compiled) {
      if (variables) found.get(key.slice(0, key.indexOf('|')))?.push(variables);
    }
    return found;
  }

  /** The locale for a message that names none, taken from where `send` was called. */
  localeNow(): string | undefined {
    const { locale } = this.options;
    return currentMailLocale() ?? (typeof locale === 'function' ? locale() : locale);
  }

  /** At once when everything is compiled and the engine can. */
  render(
    name: string,
    context: TemplateContext,
    locale: string | undefined,
  ): StoredMail | Promise<StoredMail> {
    return this.loaded && !this.options.reload
      ? this.fill(this.loaded, name, context, locale)
      : this.fresh().then((loaded) => this.fill(loaded, name, context, locale));
  }

  private fill(
    { folder, owners, compiled, images }: Loaded,
    name: string,
    context: TemplateContext,
    locale: string | undefined,
  ): StoredMail | Promise<StoredMail> {
    const template = compiled.get(`${name}|${folder.effectiveLocale(locale)}`);
    if (!template) return this.missing(name, owners);
    const finish = ({ subject, html, text, cids }: RenderedTemplate): StoredMail => {
      const shown = html === undefined ? NONE : (cids ?? TemplateImages.in(html));
      if (shown.length === 0) return { subject, html, text, images: NONE, cids: NONE };
      return {
        subject,
        html,
        text,
        images: shown.flatMap((cid) => images.get(cid) ?? []),
        cids: shown,
      };
    };
    const rendered = template.render(context, { locale });
    return isThenable(rendered) ? rendered.then(finish) : finish(rendered);
  }

  private missing(name: string, owners: ReadonlyMap<string, unknown>): never {
    const known = [...owners.keys()].sort();
    const near = suggest(name, known);
    const where = this.options.dir === undefined ? '' : ` in ${this.options.dir}`;
    throw new MailTemplateError({
      template: name.slice(0, 100),
      problem: `there is no template of that name${where}`,
      fix: near
        ? `Did you mean '${near}'?`
        : `Known: ${known.length > 0 ? known.slice(0, 50).join(', ') : 'none'}`,
    });
  }

  private async fresh(): Promise<Loaded> {
    const loaded = await this.state();
    if (!this.options.reload || loaded.fingerprint === loaded.folder.fingerprint()) return loaded;
    this.loading = undefined;
    return this.state();
  }

  private state(): Promise<Loaded> {
    this.loading ??= this.read().then(
      (loaded) => (this.loaded = loaded),
      (error: unknown) => {
        this.loading = undefined;
        throw error;
      },
    );
    return this.loading;
  }

  private async read(): Promise<Loaded> {
    const { options } = this;
    const engines = options.engines ?? [(await import('./engines/handlebars.js')).handlebars()];
    const extensions = engines.flatMap((engine) => engine.extensions);
    const defaultLocale = typeof options.locale === 'string' ? options.locale : undefined;
    const folder = new TemplateFolder({ ...options, defaultLocale }, extensions);
    const fingerprint = options.reload ? folder.fingerprint() : undefined;
    const kit = await this.kit(folder);
    const owners = new Map<string, Opened>();
    for (const engine of engines) {
      const compiler = await engine.open(kit);
      const names = [
        ...(compiler.names ?? []),
        ...folder.names('template', withText(engine.extensions)),
      ];
      for (const name of names) {
        const other = owners.get(name);
        if (other) throw twice(name, other.engine, engine);
        owners.set(name, { engine, compiler });
      }
    }
    const compiled = new Map<string, CompiledTemplate>();
    for (const locale of ['', ...folder.locales]) {
      for (const [name, { compiler }] of owners) {
        const key = `${name}|${locale}`;
        compiled.set(key, await compiler.compile(name, locale));
      }
    }
    return { folder, images: new TemplateImages(options.dir), owners, compiled, fingerprint };
  }

  private async kit(folder: TemplateFolder): Promise<TemplateKit> {
    const { inlineCss, text, helpers, layout } = this.options;
    return {
      helpers,
      layout,
      find: (...given) => folder.find(...given),
      names: (...given) => folder.names(...given),
      inlineCss: inlineCss ? await loadCssInliner() : (html) => html,
      toText: text ? await loadHtmlToText() : undefined,
    };
  }
}

const withText = (extensions: readonly string[]) =>
  extensions.flatMap((extension) => [extension, `.text${extension}`]);

function twice(name: string, one: TemplateEngine, other: TemplateEngine): MailTemplateError {
  return new MailTemplateError({
    template: name,
    problem: `it is there twice, for ${one.name} and for ${other.name}`,
    fix: 'Rename or remove one of them',
  });
}
