import type Handlebars from 'handlebars';
import { MailTemplateError } from '../../base/errors.js';
import { suggest } from '../../base/suggest.js';
import type { CompiledTemplate, TemplateCompiler, TemplateFile, TemplateKit } from '../template.js';
import {
  isBlock,
  isPath,
  walkCalls,
  type AstCall,
  type AstNode,
  type AstProgram,
} from './handlebars-ast.js';
import { asTemplateError, markOrigins, NEED, need, needVariables } from './handlebars-faults.js';
import { guardHelper, isAsync, partial } from './handlebars-helpers.js';
import { SourceComposer, type ComposedSource } from './handlebars-source.js';
import { END, IN_TEXT, PRINT, RESULT, TraceRecorder, type Printed } from './handlebars-trace.js';
import { PARTIAL, variablesOf } from './handlebars-variables.js';
import { MustacheTable, type Mustache, type Restored, type SourceText } from './mustaches.js';
import { Shapes } from './shapes.js';

type Environment = typeof Handlebars;

/** A language on top of Handlebars (MJML). */
export interface Language {
  /** Turns a composed source into html, mustaches as tokens. */
  toHtml(composed: ComposedSource, table: MustacheTable): Promise<string>;
  /** @throws MailTemplateError for what a file must not hold. */
  check(source: SourceText): void;
}

/** In the order in which one run writes them. Subject and text print values as they are. */
const PARTS = ['html', 'preheader', 'text', 'subject'] as const;
type Part = (typeof PARTS)[number];
const isText = (part: Part) => part === 'subject' || part === 'text';

const HELPERS = ['if', 'unless', 'each', 'with', 'lookup', 'log'];
const OURS = [PARTIAL, NEED, PRINT, RESULT];
/** Inherited values are never read. Said here, so that Handlebars does not warn of each. */
const OWN_ONLY = { allowProtoPropertiesByDefault: false, allowProtoMethodsByDefault: false };

export class HandlebarsCompiler implements TemplateCompiler {
  private readonly helpers: ReadonlySet<string>;
  private readonly handlebars: Environment;

  /** @param module Handlebars itself; its type is not for our declarations. */
  constructor(
    module: object,
    private readonly kit: TemplateKit,
    private readonly extensions: readonly string[],
    private readonly language?: Language,
  ) {
    this.handlebars = module as Environment;
    this.helpers = new Set([...HELPERS, ...OURS, ...Object.keys(kit.helpers)]);
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
    const composer = new SourceComposer(this.kit, this.extensions, name, locale, table, (source) =>
      this.language?.check(source),
    );
    const own = textFile && composer.compose(textFile, textExtensions(this.extensions));
    const composed = file && composer.compose(file);
    const front = { ...own?.front, ...composed?.front };
    const line = (part: 'subject' | 'preheader') => {
      const value = front[part];
      return value && table.tokens({ template: name, file: main.shown, ...value });
    };
    const sources: Readonly<Record<Part, string | undefined>> = {
      subject: line('subject'),
      preheader: line('preheader'),
      html: composed && ((await this.language?.toHtml(composed, table)) ?? composed.html),
      text: own?.html,
    };
    return this.compileParts(name, main, sources, table);
  }

  private compileParts(
    template: string,
    file: TemplateFile,
    sources: Readonly<Record<Part, string | undefined>>,
    table: MustacheTable,
  ): CompiledTemplate {
    const { kit } = this;
    const escape = (text: string) => this.handlebars.escapeExpression(text);
    const recorder = new TraceRecorder(escape, (html) => kit.toText?.(html) ?? '');
    const origins: Mustache[] = [];
    const variables: AstNode[] = [];
    const body: AstNode[] = [];
    for (const part of PARTS) {
      const source = sources[part];
      if (source !== undefined) {
        const restored = table.restore(source);
        variables.push(...this.parse(template, file, restored).body);
        const ast = this.checked(template, file, restored);
        markOrigins(ast, restored, origins);
        needVariables(ast);
        recorder.rewrite(ast, isText(part), this.helpers, this.kit.helpers);
        body.push(...ast.body);
      }
      body.push(fixedText(END));
    }
    const program = { type: 'Program', body, strip: {}, loc: NOWHERE };
    const run = this.environment(program, recorder).compile(program, {
      knownHelpers: Object.fromEntries(
        [...this.helpers].flatMap((name) => [
          [name, true],
          [IN_TEXT + name, true],
        ]),
      ),
    });
    const has = (part: Part) => sources[part] !== undefined;
    const shapes = new Shapes({
      kit,
      recorder,
      escape,
      has: {
        subject: has('subject'),
        preheader: has('preheader'),
        html: has('html'),
        text: has('text'),
      },
    });
    return {
      render: (context, { locale = '' }) => {
        try {
          const data = { locale, root: context };
          return shapes.fill(recorder.run(() => run(context, { data, ...OWN_ONLY })));
        } catch (cause) {
          throw asTemplateError(template, file, cause, origins, context);
        }
      },
      variables: variablesOf({ type: 'Program', loc: NOWHERE, body: variables }, this.helpers),
    };
  }

  private checked(template: string, file: TemplateFile, source: Restored): AstProgram {
    const ast = this.parse(template, file, source);
    walkCalls(ast, (call) => {
      const at = source.origin(call.loc.start.line, call.loc.start.column);
      this.checkHelper(template, call, at);
    });
    return ast;
  }

  /** Every helper that is registered costs something each time: only those that are called are. */
  private environment(ast: AstProgram, recorder: TraceRecorder): Environment {
    const environment = this.handlebars.create();
    const called = new Set<string>();
    walkCalls(ast, (call) => {
      const name = isPath(call.path) ? call.path.original : '';
      called.add(name);
      // What these call in their turn.
      if (name === 'unless') called.add('if');
      if (isBlock(call) && !this.helpers.has(name)) called.add('each');
    });
    for (const name of HELPERS) if (!called.has(name)) environment.unregisterHelper(name);
    const ours: Readonly<Record<string, Handlebars.HelperDelegate>> = {
      [PARTIAL]: partial,
      [NEED]: need,
      [PRINT]: function (this: unknown, ...given: Printed) {
        return recorder.print(this, ...given);
      },
      [RESULT]: (...given: Printed) => recorder.result(...given),
    };
    for (const [name, helper] of Object.entries(ours)) {
      if (called.has(name)) environment.registerHelper(name, helper);
    }
    for (const [name, helper] of Object.entries(this.kit.helpers)) {
      for (const prefix of ['', IN_TEXT]) {
        if (!called.has(prefix + name)) continue;
        const guarded = guardHelper(name, helper, recorder, prefix === IN_TEXT);
        environment.registerHelper(prefix + name, guarded);
      }
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
    if (isPath(path) && isAsync(this.kit.helpers[path.original])) {
      throw new MailTemplateError({
        template,
        file: at?.file,
        line: at?.line,
        variable: path.original,
        problem: `the helper \`${path.original}\` is async, and a template waits for none`,
        fix: 'Await its value before `send`, and give it in `context`',
      });
    }
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
}

const NOWHERE = { start: { line: 1, column: 0 } };

const textExtensions = (extensions: readonly string[]) => extensions.map((one) => `.text${one}`);

const fixedText = (value: string) => ({
  type: 'ContentStatement',
  value,
  original: value,
  loc: NOWHERE,
});
