import type Handlebars from 'handlebars';
import { MailTemplateError } from '../../base/errors.js';
import { suggest } from '../../base/suggest.js';
import { insertPreheader } from '../html-text.js';
import type {
  CompiledTemplate,
  TemplateCompiler,
  TemplateContext,
  TemplateFile,
  TemplateHelper,
  TemplateKit,
  TemplateMeta,
} from '../template.js';
import { isPath, walkCalls, type AstCall, type AstProgram } from './handlebars-ast.js';
import {
  asTemplateError,
  markOrigins,
  NEED,
  need,
  needVariables,
  PRINT,
  print,
} from './handlebars-faults.js';
import { SourceComposer, type ComposedSource } from './handlebars-source.js';
import { PARTIAL, variablesOf } from './handlebars-variables.js';
import {
  BLOCK,
  isStaticallyStyled,
  MustacheTable,
  type Mustache,
  type Restored,
} from './mustaches.js';

type Render = (context: TemplateContext, meta: TemplateMeta) => string;
type Environment = typeof Handlebars;
/** `text` prints as it is: subjects and text parts. `html` escapes what it prints. */
type Mode = 'html' | 'text';

/** A language on top of Handlebars (MJML): turns a composed source into html, mustaches as tokens. */
export type ToHtml = (composed: ComposedSource, table: MustacheTable) => Promise<string>;

const BUILT_IN = ['if', 'unless', 'each', 'with', 'lookup', 'log', PARTIAL, NEED, PRINT];
/** Inherited values are never read. Said here, so that Handlebars does not warn of each. */
const OWN_ONLY = { allowProtoPropertiesByDefault: false, allowProtoMethodsByDefault: false };
const CID = /\bcid:([^"'\s)>&\uE000]+)/g;

export class HandlebarsCompiler implements TemplateCompiler {
  private readonly helpers: ReadonlySet<string>;
  private readonly handlebars: Environment;

  /** @param module Handlebars itself; its type is not for our declarations. */
  constructor(
    module: object,
    private readonly kit: TemplateKit,
    private readonly extensions: readonly string[],
    private readonly toHtml?: ToHtml,
  ) {
    this.handlebars = module as Environment;
    this.helpers = new Set([...BUILT_IN, ...Object.keys(kit.helpers)]);
  }

  async compile(name: string, locale: string): Promise<CompiledTemplate> {
    const file = this.kit.find('template', name, this.extensions, locale);
    const textFile = this.kit.find('template', name, textExtensions(this.extensions), locale);
    const main = file ?? textFile;
    if (!main) {
      throw new MailTemplateError({
        template: name,
        problem: 'there are only files for single locales, and none for the others',
        fix: `Add ${name}${this.extensions[0]!}, or set \`templates.locale\` to the one to fall back to`,
      });
    }
    const table = new MustacheTable();
    const composer = new SourceComposer(this.kit, this.extensions, name, locale, table);
    const own = textFile && composer.compose(textFile, textExtensions(this.extensions));
    const composed = file && composer.compose(file);
    const front = { ...own?.front, ...composed?.front };
    const line = (part: 'subject' | 'preheader') => {
      const value = front[part];
      return value && table.tokens({ template: name, file: main.shown, ...value });
    };
    const subject = line('subject');
    const preheader = line('preheader');
    const html = composed && (await this.htmlOf(composed, table, preheader));
    const programs: AstProgram[] = [];
    const render = (source: string, mode: Mode): Render =>
      this.part(name, main, table.restore(source), mode, programs);
    // Before CSS is inlined: what cannot be compiled is best named by its own source.
    if (composed) this.part(name, main, table.restore(composed.html), 'html', programs);
    const css = html !== undefined && /<style[\s>]/i.test(html);
    const inlined = css && isStaticallyStyled(html) ? this.kit.inlineCss(html) : html;
    const renderHtml = inlined === undefined ? undefined : render(inlined, 'html');
    const late = css && inlined === html;
    const text = this.textOf(own, html, table);
    const parts = {
      subject: subject === undefined ? undefined : render(subject, 'text'),
      html: renderHtml && late ? later(renderHtml, this.kit.inlineCss) : renderHtml,
      text: text === undefined ? undefined : render(text, 'text'),
    };
    const { toText } = this.kit;
    // Each call of Handlebars costs as much as some variables: the two that escape nothing share one.
    const joint =
      subject !== undefined && text !== undefined
        ? render(subject + JOINT + text, 'text')
        : undefined;
    return {
      render: (context, meta) => {
        const rendered = parts.html?.(context, meta);
        const both = joint && apart(joint(context, meta));
        const found = both ? both.text : parts.text?.(context, meta);
        return {
          subject: both ? both.subject : parts.subject?.(context, meta),
          html: rendered,
          text: found === undefined ? rendered && toText?.(rendered) : own ? found : tidy(found),
        };
      },
      cids: [...new Set(Array.from((html ?? '').matchAll(CID), (match) => match[1]!))],
      variables: variablesOf(
        { type: 'Program', loc: NOWHERE, body: programs.flatMap(({ body }) => body) },
        this.helpers,
      ),
    };
  }

  private async htmlOf(
    composed: ComposedSource,
    table: MustacheTable,
    preheader: string | undefined,
  ): Promise<string> {
    const html = this.toHtml ? await this.toHtml(composed, table) : composed.html;
    return preheader === undefined ? html : insertPreheader(html, preheader);
  }

  /**
   * The source of the text part, made of the html once: filled as text, nothing needs to be parsed
   * again. Only where html is printed as it is (`{{{…}}}`) the finished html has to be read.
   */
  private textOf(
    own: ComposedSource | undefined,
    html: string | undefined,
    table: MustacheTable,
  ): string | undefined {
    if (own) return own.html;
    const { toText } = this.kit;
    if (html === undefined || !toText) return undefined;
    if (/\{\{~?(?:\{|&)/.test(table.restore(html).text)) return undefined;
    const text = toText(html);
    if (table.lost(html, text).some(({ raw }) => BLOCK.test(raw))) return undefined;
    return table.tidyLines(text);
  }

  private part(
    template: string,
    file: TemplateFile,
    source: Restored,
    mode: Mode,
    programs: AstProgram[],
  ): Render {
    const ast = this.parse(template, file, source);
    const origins: Mustache[] = [];
    walkCalls(ast, (call) => {
      const at = source.origin(call.loc.start.line, call.loc.start.column);
      this.checkHelper(template, call, at);
    });
    programs.push(this.parse(template, file, source));
    markOrigins(ast, source, origins);
    needVariables(ast, this.helpers);
    const compiled = this.environment(ast, mode).compile(ast, {
      noEscape: mode === 'text',
      knownHelpers: Object.fromEntries([...this.helpers].map((name) => [name, true])),
    });
    return (context, meta) => {
      try {
        return compiled(context, {
          data: { locale: meta.locale ?? '', root: context },
          ...OWN_ONLY,
        });
      } catch (cause) {
        throw asTemplateError(template, file, cause, origins, context);
      }
    };
  }

  /** Every helper that is registered costs something each time: only those that are called are. */
  private environment(ast: AstProgram, mode: Mode): Environment {
    const environment = this.handlebars.create();
    const called = new Set<string>();
    walkCalls(ast, ({ path }) => {
      if (isPath(path)) called.add(path.original);
    });
    for (const name of BUILT_IN) if (!called.has(name)) environment.unregisterHelper(name);
    if (called.has(PARTIAL)) environment.registerHelper(PARTIAL, partial);
    if (called.has(NEED)) environment.registerHelper(NEED, need);
    if (called.has(PRINT)) environment.registerHelper(PRINT, print);
    for (const [name, helper] of Object.entries(this.kit.helpers)) {
      if (!called.has(name)) continue;
      const own = mode === 'html' ? helper : this.asText(helper);
      environment.registerHelper(name, own as Handlebars.HelperDelegate);
    }
    return environment;
  }

  private parse(template: string, file: TemplateFile, source: Restored): AstProgram {
    try {
      return this.handlebars.parse(source.text);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      const [, inText] = /on line (\d+)/.exec(message) ?? [];
      const [, atLine, atColumn] = / - (\d+):(\d+)$/.exec(message) ?? [];
      const line = Number(inText ?? atLine ?? 1);
      const lineEnd = source.text.split('\n')[line - 1]?.length ?? 0;
      const at = source.origin(line, atColumn === undefined ? lineEnd : Number(atColumn));
      throw new MailTemplateError({
        template,
        file: at?.file ?? file.shown,
        line: at?.line,
        problem: `it does not parse: ${
          message
            .split('\n')
            .at(-1)
            ?.replace(/ - \d+:\d+$/, '') ?? ''
        }`,
        fix: `Look at \`${at?.raw.slice(0, 60) ?? '{{'}\``,
        cause,
      });
    }
  }

  /** What takes arguments is a helper; one that nobody registered would fail only when it is reached. */
  private checkHelper(template: string, call: AstCall, at: Mustache | undefined): void {
    const { path } = call;
    const hasArguments = call.params.length > 0 || call.hash !== undefined;
    if (!isPath(path) || !hasArguments || this.helpers.has(path.original)) return;
    const known = [...this.helpers].filter((name) => !name.includes(':'));
    const near = suggest(path.original, known);
    throw new MailTemplateError({
      template,
      file: at?.file,
      line: at?.line,
      variable: path.original,
      problem: `there is no helper \`${path.original}\``,
      fix: near ? `Did you mean \`${near}\`?` : 'Add it to the option `templates.helpers`',
    });
  }

  /** In text, html that a helper marked as safe is read like any other html. */
  private asText(helper: TemplateHelper): TemplateHelper {
    const { kit, handlebars } = this;
    return function (this: unknown, ...args: never[]) {
      const value = helper.apply(this, args);
      if (!(value instanceof handlebars.SafeString)) return value;
      return kit.toText?.(value.toString()) ?? '';
    };
  }
}

const NOWHERE = { start: { line: 1, column: 0 } };

const textExtensions = (extensions: readonly string[]) => extensions.map((one) => `.text${one}`);

/** Stands between subject and text; no mail has such a control character. */
const JOINT = '\n\x01\n';

/** Nothing where a value has one, too. */
function apart(joint: string): { readonly subject: string; readonly text: string } | undefined {
  const at = joint.indexOf('\x01');
  if (joint.includes('\x01', at + 1)) return undefined;
  // `~` may have taken the line breaks beside it.
  const end = joint[at - 1] === '\n' ? at - 1 : at;
  return {
    subject: joint.slice(0, end),
    text: joint.slice(joint[at + 1] === '\n' ? at + 2 : at + 1),
  };
}

const tidy = (text: string): string => text.replace(/\n{3,}/g, '\n\n').trim();

function later(render: Render, finish: (html: string) => string): Render {
  return (context, meta) => finish(render(context, meta));
}

interface HelperOptions {
  readonly hash: Record<string, unknown>;
  fn(context: unknown): string;
}

/** `{{> name context a=b}}`, after the partial's text was put in its place. */
function partial(this: unknown, ...args: unknown[]): string {
  const options = args.at(-1) as HelperOptions;
  const context = args.length > 1 ? args[0] : this;
  const fields = typeof context === 'object' ? context : undefined;
  return options.fn({ ...fields, ...options.hash });
}
