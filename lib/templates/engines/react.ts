import { loadPeer } from '../peer.js';
import type { TemplateEngine, TemplateMeta } from '../template.js';
import { CodeCompiler, type CodeRender } from './code-compiler.js';
import { isThenable } from '../../base/thenable.js';

/** A function component: React's, React Email's, or any other with the same call. */
export type MailComponent = (props: never) => unknown;

type FromContext = string | ((context: never, meta: TemplateMeta) => string);

export interface ComponentMail {
  /** Gets the context as its props, and `locale` beside it. */
  readonly component: MailComponent;
  readonly subject?: FromContext;
  /** What an inbox shows beside the subject. React Email's `<Preview>` does the same. */
  readonly preheader?: FromContext;
}

export interface ReactOptions {
  /** Default: React's own `createElement`. */
  readonly createElement?: (component: never, props: object) => unknown;
  /** Element to html; for React Email with its `Tailwind`, give its `render`. Default: `renderToStaticMarkup`. */
  readonly render?: (element: never) => string | Promise<string>;
}

const DOCTYPE = '<!DOCTYPE html>';

/** Function components as templates; what they print is escaped by React. */
export function react(
  templates: Readonly<Record<string, ComponentMail | MailComponent>>,
  options: ReactOptions = {},
): TemplateEngine {
  return {
    name: 'react',
    extensions: [],
    async open(kit) {
      const createElement = (options.createElement ?? (await loadCreateElement())) as Create;
      const render = (options.render ?? (await loadRender())) as Markup;
      const renders = Object.entries(templates).map(([name, given]): [string, CodeRender] => {
        const mail = typeof given === 'function' ? { component: given } : given;
        const line = (value: FromContext | undefined, context: object, meta: TemplateMeta) =>
          typeof value === 'function' ? (value as Line)(context, meta) : value;
        return [
          name,
          (context, meta) => {
            const markup = render(createElement(mail.component, { ...meta, ...context }));
            const finish = (html: string) => ({
              subject: line(mail.subject, context, meta),
              preheader: line(mail.preheader, context, meta),
              html: /^\s*<!doctype/i.test(html) ? html : DOCTYPE + html,
            });
            return isThenable(markup) ? markup.then(finish) : finish(markup);
          },
        ];
      });
      return new CodeCompiler(new Map(renders), kit);
    },
  };
}

type Create = (component: unknown, props: object) => unknown;
type Markup = (element: unknown) => string | Promise<string>;
type Line = (context: object, meta: TemplateMeta) => string;

const PACKAGES = 'react react-dom';

async function loadCreateElement(): Promise<unknown> {
  const { default: module } = await loadPeer(PACKAGES, () => import('react'), 'templates.engine');
  return module.createElement;
}

async function loadRender(): Promise<unknown> {
  const { default: module } = await loadPeer(
    PACKAGES,
    () => import('react-dom/server'),
    'templates.engine',
  );
  return module.renderToStaticMarkup;
}
