import type { TextConverter } from './html-text.js';

/** Values that a template is filled with. */
export type TemplateContext = Readonly<Record<string, unknown>>;

/** What a helper is called with, before its own arguments. */
export type TemplateHelper = (this: unknown, ...args: never[]) => unknown;

export interface TemplateMeta {
  /** The locale that the message asked for, for example `pt-BR`. */
  readonly locale?: string;
}

/** The parts of a message that a template makes. */
export interface RenderedTemplate {
  readonly subject?: string;
  readonly html?: string;
  readonly text?: string;
  /** Content-IDs that the html shows; when absent, the html is searched. */
  readonly cids?: readonly string[];
}

/** The shape of a template's variables: what the generated context type is written from. */
export interface TemplateShape {
  /** `value` is printed, `list` is gone through, `object` has fields; `any` was only tested or passed on. */
  kind: 'any' | 'value' | 'list' | 'object';
  /** Only ever tested, so it may be left out. */
  optional: boolean;
  readonly fields: Map<string, TemplateShape>;
  item?: TemplateShape;
}

export interface CompiledTemplate {
  /** Fast and without I/O where it can be; a promise only where the engine needs one. */
  render(
    context: TemplateContext,
    meta: TemplateMeta,
  ): RenderedTemplate | Promise<RenderedTemplate>;
  /** Absent when the engine cannot know. */
  readonly variables?: TemplateShape;
}

/** A file below the templates' folder. */
export interface TemplateFile {
  /** Absolute. */
  readonly path: string;
  /** As errors show it. */
  readonly shown: string;
  readonly text: string;
}

export type TemplateFileKind = 'template' | 'layout' | 'partial';

/** What the store lends to an engine. */
export interface TemplateKit {
  readonly helpers: Readonly<Record<string, TemplateHelper>>;
  /** The layout of templates that name none; `undefined` for none. */
  readonly layout?: string;
  /** The file for the locale, or for the nearest one that there is; extensions in order of preference. */
  find(
    kind: TemplateFileKind,
    name: string,
    extensions: readonly string[],
    locale: string,
  ): TemplateFile | undefined;
  /** Names of that kind, for suggestions. */
  names(kind: TemplateFileKind, extensions: readonly string[]): readonly string[];
  /** Moves CSS from `<style>` to the elements; leaves html without any as it is. */
  readonly inlineCss: (html: string) => string;
  /** Makes the text part of finished html. Absent when the text part is left out. */
  readonly toText?: TextConverter;
}

export interface TemplateCompiler {
  /** Templates that need no file. */
  readonly names?: readonly string[];
  /**
   * @param locale the effective one: a locale that the folder knows, or `''`.
   * @throws MailTemplateError with file, line and fix.
   */
  compile(name: string, locale: string): CompiledTemplate | Promise<CompiledTemplate>;
}

/** A template language. Constructing one imports nothing; `open` imports its package. */
export interface TemplateEngine {
  readonly name: string;
  /** Of its files, with the dot, the preferred one first; empty for templates that are code. */
  readonly extensions: readonly string[];
  /** @throws MailConfigurationError when its package is not installed, naming the command that does. */
  open(kit: TemplateKit): Promise<TemplateCompiler>;
}
