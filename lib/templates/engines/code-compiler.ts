import { MailTemplateError } from '../../base/errors.js';
import { escapeHtml } from '../html-text.js';
import { insertPreheader } from '../preheader.js';
import type {
  CompiledTemplate,
  RenderedTemplate,
  TemplateCompiler,
  TemplateContext,
  TemplateKit,
  TemplateMeta,
} from '../template.js';
import { isThenable } from '../../base/thenable.js';

/** What a template that is code returns; html is finished, and escaped where it has to be. */
export interface CodeParts {
  readonly subject?: string;
  readonly preheader?: string;
  readonly html?: string;
  readonly text?: string;
}

export type CodeRender = (
  context: TemplateContext,
  meta: TemplateMeta,
) => CodeParts | Promise<CodeParts>;

/** Templates without files: functions and components by name. */
export class CodeCompiler implements TemplateCompiler {
  readonly names: readonly string[];

  constructor(
    private readonly templates: ReadonlyMap<string, CodeRender>,
    private readonly kit: TemplateKit,
  ) {
    this.names = [...templates.keys()];
  }

  compile(name: string): CompiledTemplate {
    const run = this.templates.get(name)!;
    return {
      render: (context, meta) => {
        try {
          const parts = run(context, meta);
          return isThenable(parts)
            ? parts.then(
                (done) => this.finish(done),
                (error: unknown) => failed(name, error),
              )
            : this.finish(parts);
        } catch (error) {
          return failed(name, error);
        }
      },
    };
  }

  private finish({ subject, preheader, html: body, text }: CodeParts): RenderedTemplate {
    const whole =
      body === undefined || preheader === undefined
        ? body
        : insertPreheader(body, escapeHtml(preheader));
    const html = whole === undefined ? undefined : this.kit.inlineCss(whole);
    const shown = text ?? (html === undefined ? undefined : this.kit.toText?.(html));
    return {
      ...(subject !== undefined && { subject }),
      ...(html !== undefined && { html }),
      ...(shown !== undefined && { text: shown }),
    };
  }
}

function failed(template: string, cause: unknown): never {
  if (cause instanceof MailTemplateError) throw cause;
  const [, frame] = cause instanceof Error ? (cause.stack ?? '').split('\n    at ') : [];
  const [, file, line] =
    /(?:\(|^)(?:file:\/\/)?(\/[^()]*?|[A-Z]:[^()]*?):(\d+):\d+\)?$/.exec(frame ?? '') ?? [];
  throw new MailTemplateError({
    template,
    file,
    line: line === undefined ? undefined : Number(line),
    problem: `its function failed: ${cause instanceof Error ? cause.message : String(cause)}`,
    fix: 'Look at the function and at the context that it was given',
    cause,
  });
}
