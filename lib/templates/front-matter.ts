import { MailTemplateError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import type { TemplateFile } from './template.js';

const KEYS = ['subject', 'preheader', 'layout'] as const;
type Key = (typeof KEYS)[number];

/** A value with the line that it stands on. */
export interface FrontMatterValue {
  readonly text: string;
  readonly line: number;
}

export interface TemplateSource extends Partial<Record<Key, FrontMatterValue>> {
  readonly body: string;
  /** Line of the file on which the body begins, from 1. */
  readonly bodyLine: number;
}

const OPEN = /^---[ \t]*\r?\n/;
const CLOSE = /^---[ \t]*(?:\r?\n|$)/m;

/** Splits `key: value` lines between two `---` from the body; not YAML, so that every line is plain. */
export function readFrontMatter(template: string, file: TemplateFile): TemplateSource {
  const open = OPEN.exec(file.text);
  if (!open) return { body: file.text, bodyLine: 1 };
  const rest = file.text.slice(open[0].length);
  const close = CLOSE.exec(rest);
  const fail = (line: number, problem: string, fix: string): never => {
    throw new MailTemplateError({ template, file: file.shown, line, problem, fix });
  };
  if (!close) return fail(1, 'the front matter never ends', 'Close it with a line of `---`');
  const source: Partial<Record<Key, FrontMatterValue>> = {};
  const lines = rest.slice(0, close.index).split(/\r?\n/).slice(0, -1);
  lines.forEach((text, index) => {
    const line = index + 2;
    if (/^\s*(#|$)/.test(text)) return;
    const [, name = '', value = ''] = /^([\w-]+)[ \t]*:[ \t]*(.*?)[ \t]*$/.exec(text) ?? [];
    const key = KEYS.find((known) => known === name);
    if (!key) {
      const near = suggest(name, KEYS);
      const fix = near
        ? `Did you mean \`${near}\`?`
        : `Write \`key: value\` with one of ${KEYS.join(', ')}`;
      return fail(line, `\`${text.slice(0, 60)}\` is no line of front matter`, fix);
    }
    if (source[key]) return fail(line, `\`${key}\` stands there twice`, 'Keep one');
    source[key] = { text: value.replace(/^(["'])(.*)\1$/, '$2'), line };
  });
  return { ...source, body: rest.slice(close.index + close[0].length), bodyLine: lines.length + 3 };
}
