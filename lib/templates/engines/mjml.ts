import { MailTemplateError } from '../../base/errors.js';
import { loadPeer } from '../peer.js';
import type { TemplateEngine } from '../template.js';
import { HandlebarsCompiler, type ToHtml } from './handlebars-compiler.js';

const EXTENSIONS = ['.mjml'];

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
      const toHtml: ToHtml = async ({ template, file, html: source }, table) => {
        const options = { validationLevel: 'soft', ignoreIncludes: true } as const;
        // Version 5 answers a promise, version 4 did not.
        const { html, errors } = await compile(source, options);
        const [error] = errors;
        if (error) {
          throw new MailTemplateError({
            template,
            file: file.shown,
            problem: `it is no valid MJML: ${error.message} (<${error.tagName}>)`,
            fix: 'Look the component up in the documentation of MJML',
          });
        }
        const [lost] = table.lost(source, html).filter(({ raw }) => !/^\{\{~?!/.test(raw));
        if (lost) {
          throw new MailTemplateError({
            template: lost.template,
            file: lost.file,
            line: lost.line,
            problem: `MJML drops \`${lost.raw.slice(0, 60)}\`, since no text may stand there`,
            fix: `Write \`<mj-raw>${lost.raw.slice(0, 60)}</mj-raw>\``,
          });
        }
        return html;
      };
      return new HandlebarsCompiler(module.default, kit, EXTENSIONS, toHtml);
    },
  };
}
