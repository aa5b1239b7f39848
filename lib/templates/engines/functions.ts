import type { TemplateEngine, TemplateMeta } from '../template.js';
import { CodeCompiler, type CodeParts, type CodeRender } from './code-compiler.js';
import { SafeHtml } from './html-tag.js';
import { isThenable } from '../../base/thenable.js';

export { html, SafeHtml, unsafeHtml, type HtmlValue } from './html-tag.js';

export interface FunctionMail {
  readonly subject?: string;
  /** What an inbox shows beside the subject. */
  readonly preheader?: string;
  /** Made with `html`, which escapes. */
  readonly html?: SafeHtml;
  /** Default: made from the html. */
  readonly text?: string;
}

/** The context is checked by the compiler where the function names its type. */
export type TemplateFunction = (
  context: never,
  meta: TemplateMeta,
) => FunctionMail | Promise<FunctionMail>;

type AnyFunction = (context: object, meta: TemplateMeta) => FunctionMail | Promise<FunctionMail>;

function parts(mail: FunctionMail): CodeParts {
  const { html } = mail;
  if (html !== undefined && !(html instanceof SafeHtml)) {
    throw new TypeError('`html` is no SafeHtml; write it as html`…`, which escapes its values');
  }
  return { ...mail, html: html?.toString() };
}

/** Plain functions as templates, without any package but the converter to text. */
export function functions(templates: Readonly<Record<string, TemplateFunction>>): TemplateEngine {
  return {
    name: 'functions',
    extensions: [],
    async open(kit) {
      const renders = Object.entries(templates).map(([name, template]): [string, CodeRender] => [
        name,
        (context, meta) => {
          const mail = (template as AnyFunction)(context, meta);
          return isThenable(mail) ? mail.then(parts) : parts(mail);
        },
      ]);
      return new CodeCompiler(new Map(renders), kit);
    },
  };
}
