import { loadPeer } from '../peer.js';
import type { TemplateEngine } from '../template.js';
import { HandlebarsCompiler } from './handlebars-compiler.js';

const EXTENSIONS = ['.hbs', '.handlebars'];

/**
 * Handlebars, the default engine: `name.hbs`, `name.pt-BR.hbs`, and `name.text.hbs` for a text part of
 * your own. What `{{x}}` prints is escaped; a missing variable is an error.
 */
export function handlebars(): TemplateEngine {
  return {
    name: 'handlebars',
    extensions: EXTENSIONS,
    async open(kit) {
      const module = await loadPeer('handlebars', () => import('handlebars'), 'templates.engine');
      return new HandlebarsCompiler(module.default, kit, EXTENSIONS);
    },
  };
}
