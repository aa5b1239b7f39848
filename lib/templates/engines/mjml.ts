import { MailTemplateError } from '../../base/errors.js';
import { scanHtml } from '../html-scan.js';
import { loadPeer } from '../peer.js';
import type { TemplateEngine, TemplateFile } from '../template.js';
import { HandlebarsCompiler, type Language } from './handlebars-compiler.js';
import type { ComposedSource } from './handlebars-source.js';
import { placeholders } from './mjml-values.js';
import type { MustacheTable, SourceText } from './mustaches.js';

const EXTENSIONS = ['.mjml'];
const OPTIONS = { validationLevel: 'soft', ignoreIncludes: true } as const;

type Compile = (source: string, options: typeof OPTIONS) => Compiled | Promise<Compiled>;
interface Compiled {
  readonly html: string;
  readonly errors: readonly { readonly line: number; message: string; tagName: string }[];
}

/**
 * MJML with Handlebars in it: `name.mjml`. Layouts and partials are MJML too. The markup becomes html
 * once, when the template is compiled; blocks between components go into `<mj-raw>`.
 */
export function mjml(): TemplateEngine {
  return {
    name: 'mjml',
    extensions: EXTENSIONS,
    async open(kit) {
      const { default: compile } = await loadPeer('mjml', () => import('mjml'), 'templates.engine');
      const module = await loadPeer('handlebars', () => import('handlebars'), 'templates.engine');
      return new HandlebarsCompiler(module.default, kit, EXTENSIONS, mjmlLanguage(compile));
    },
  };
}

function mjmlLanguage(compile: Compile): Language {
  return {
    check: refuseIncludes,
    async toHtml(composed, table) {
      const { template, file } = composed;
      const values = placeholders(composed.html);
      const html = values.back(await toHtml(compile, composed, values.first));
      // MJML computes with some sizes. What it only passes on comes out the same whatever it is.
      for (const value of values.list) {
        const again = await toHtml(compile, composed, values.with(value));
        if (values.back(again) === html && html.includes(value.text)) continue;
        const [mustache] = table.lost(value.text, '');
        throw new MailTemplateError({
          template,
          file: mustache?.file ?? file.shown,
          line: mustache?.line,
          variable: mustache?.raw.replace(/^\{\{~?\s*|\s*~?\}\}$/g, ''),
          problem: `MJML computes with the attribute \`${value.name}\`, so that it cannot come from \`${mustache?.raw.slice(0, 60) ?? ''}\``,
          fix: 'Write a fixed value, or one whole component for each case, between blocks in `<mj-raw>`',
        });
      }
      refuseLosses(composed, html, table);
      return html;
    },
  };
}

async function toHtml(compile: Compile, composed: ComposedSource, source: string): Promise<string> {
  const { template, file, html: tokenised } = composed;
  const fail = (problem: string, fix: string, line?: number): never => {
    throw new MailTemplateError({ template, file: file.shown, line, problem, fix });
  };
  if (tokenised.trim() === '') {
    fail('the file is empty', 'Write `<mjml><mj-body>…</mj-body></mjml>`', 1);
  }
  let answer: Compiled;
  try {
    // Version 5 returns a promise, version 4 did not.
    answer = await compile(source, OPTIONS);
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    return fail(
      `it is no valid MJML: ${words}`,
      'Put all of it between `<mjml>` and `</mjml>`, with one `<mj-body>`',
      1,
    );
  }
  const [error] = answer.errors;
  if (!error) return answer.html;
  return fail(
    `it is no valid MJML: ${error.message.trim()} (<${error.tagName}>)`,
    'Look the component up in the documentation of MJML',
    lineIn(file, source.split('\n')[error.line - 1] ?? ''),
  );
}

/** The line of the file that holds a line of the composed source, where it is the only one. */
function lineIn(file: TemplateFile, line: string): number | undefined {
  const wanted = line.replace(/\uE000\d+\uE001.*/, '').trim();
  const found = file.text.split('\n').flatMap((text, i) => (text.includes(wanted) ? [i + 1] : []));
  return wanted !== '' && found.length === 1 ? found[0] : undefined;
}

function refuseLosses(composed: ComposedSource, html: string, table: MustacheTable): void {
  const [lost] = table.lost(composed.html, html).filter(({ raw }) => !/^\{\{~?!/.test(raw));
  if (!lost) return;
  throw new MailTemplateError({
    template: lost.template,
    file: lost.file,
    line: lost.line,
    problem: `MJML drops \`${lost.raw.slice(0, 60)}\`, since no text may stand there`,
    fix: `Write \`<mj-raw>${lost.raw.slice(0, 60)}</mj-raw>\``,
  });
}

/** MJML would leave them out without a word. */
function refuseIncludes({ template, file, text, line }: SourceText): void {
  for (const { kind, name, start } of scanHtml(text)) {
    if (kind !== 'open' || name !== 'mj-include') continue;
    throw new MailTemplateError({
      template,
      file,
      line: line + text.slice(0, start).split('\n').length - 1,
      problem: '`<mj-include>` is not followed',
      fix: 'Put the file into the folder of the partials, and write `{{> name}}`',
    });
  }
}
