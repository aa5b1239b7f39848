import { MailTemplateError } from '../../base/errors.js';
import { suggest } from '../../base/suggest.js';
import { readFrontMatter, type TemplateSource } from '../front-matter.js';
import type { TemplateFile, TemplateKit } from '../template.js';
import { PARTIAL } from './handlebars-variables.js';
import { splitMustaches, type Mustache, type MustacheTable, type SourceText } from './mustaches.js';

const BODY = /^\{\{\{\s*body\s*\}\}\}$/;
/** The name as it is, in quotes, or in brackets. */
const PARTIAL_CALL =
  /^\{\{(~?)>\s*(?:([\w./-]+)|"([^"]+)"|'([^']+)'|\[([^\]]+)\])\s*([^]*?)\s*(~?)\}\}$/;
const UNSUPPORTED = /^\{\{~?\s*(?:#>|#\*|>\s*\()/;
const MAX_DEPTH = 20;

/** One template as one source: its layout around it, its partials in it. */
export interface ComposedSource {
  readonly template: string;
  readonly file: TemplateFile;
  readonly front: TemplateSource;
  /** With mustaches as tokens. */
  readonly html: string;
}

/** Puts the files of a template together by text, so that CSS and checks see all of it. */
export class SourceComposer {
  constructor(
    private readonly kit: TemplateKit,
    private readonly extensions: readonly string[],
    private readonly template: string,
    private readonly locale: string,
    private readonly table: MustacheTable,
    private readonly check?: (source: SourceText) => void,
  ) {}

  compose(file: TemplateFile, layoutExtensions = this.extensions): ComposedSource {
    const front = readFrontMatter(this.template, file);
    const source = this.source(file.shown, front.body, front.bodyLine);
    const body = this.expand(source, undefined, []);
    const layout = this.layout(file, front, layoutExtensions);
    if (!layout) return { template: this.template, file, front, html: body };
    const used = { done: false };
    const html = this.expand(this.source(layout.shown, layout.text, 1), { body, used }, []);
    if (!used.done) {
      throw new MailTemplateError({
        template: this.template,
        file: layout.shown,
        problem: 'the layout has no place for its templates',
        fix: 'Write `{{{body}}}` where they go',
      });
    }
    return { template: this.template, file, front, html };
  }

  private source(file: string, text: string, line: number): SourceText {
    const source = { template: this.template, file, text, line };
    this.check?.(source);
    return source;
  }

  private layout(
    file: TemplateFile,
    front: TemplateSource,
    extensions: readonly string[],
  ): TemplateFile | undefined {
    const named = front.layout?.text;
    if (named === 'none') return undefined;
    const name = named ?? this.kit.layout;
    if (name === undefined) return undefined;
    const found = this.kit.find('layout', name, extensions, this.locale);
    if (found || named === undefined) return found;
    return this.missing('layout', name, { file: file.shown, line: front.layout?.line ?? 1 });
  }

  private expand(
    source: SourceText,
    slot: { body: string; used: { done: boolean } } | undefined,
    chain: readonly string[],
  ): string {
    return splitMustaches(source)
      .map((part) => {
        if (typeof part === 'string') return part;
        if (slot && BODY.test(part.raw)) {
          slot.used.done = true;
          return slot.body;
        }
        return this.partial(part, chain) ?? this.table.token(part);
      })
      .join('');
  }

  private partial(mustache: Mustache, chain: readonly string[]): string | undefined {
    const { raw, file, line, template } = mustache;
    if (UNSUPPORTED.test(raw)) {
      throw new MailTemplateError({
        template,
        file,
        line,
        problem: `\`${raw.slice(0, 60)}\` is a kind of partial that is not supported`,
        fix: 'Use `{{> name}}` with a fixed name, and layouts with `{{{body}}}`',
      });
    }
    const [, before = '', ...rest] = PARTIAL_CALL.exec(raw) ?? [];
    const name = rest.slice(0, 4).find(Boolean);
    const [args = '', after = ''] = rest.slice(4);
    if (name === undefined) return undefined;
    if (chain.length >= MAX_DEPTH) {
      throw new MailTemplateError({
        template,
        file,
        line,
        problem: `partials go deeper than ${MAX_DEPTH}: ${[...chain.slice(-4), name].join(' → ')}`,
        fix: 'Let no partial include itself',
      });
    }
    const found =
      this.kit.find('partial', name, this.extensions, this.locale) ??
      this.missing('partial', name, mustache);
    const inner = this.expand(this.source(found.shown, found.text, 1), undefined, [...chain, name]);
    if (args === '') return inner;
    const open = this.table.token({ ...mustache, raw: `{{${before}#${PARTIAL} ${args}}}` });
    const close = this.table.token({ ...mustache, raw: `{{/${PARTIAL}${after}}}` });
    return open + inner + close;
  }

  private missing(
    kind: 'layout' | 'partial',
    name: string,
    at: { file: string; line: number },
  ): never {
    const near = suggest(name, this.kit.names(kind, this.extensions));
    throw new MailTemplateError({
      template: this.template,
      file: at.file,
      line: at.line,
      problem: `there is no ${kind} '${name}'`,
      fix: near
        ? `Did you mean '${near}'?`
        : `Add ${kind}s/${name}${this.extensions[0] ?? ''} to the templates' folder`,
    });
  }
}
