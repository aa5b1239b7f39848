import { MailTemplateError } from '../../base/errors.js';

/** One `{{…}}` of a source, with where it stands. */
export interface Mustache {
  readonly raw: string;
  readonly template: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** A stretch of a file's text, or of a value that was written on one line of it. */
export interface SourceText {
  readonly template: string;
  readonly file: string;
  readonly text: string;
  /** Line on which `text` begins. */
  readonly line: number;
}

/** Where a mustache came to stand in the finished source. */
interface Place {
  readonly offset: number;
  readonly mustache: Mustache;
}

/** The finished source of one part: every place that can fail leads back to its file. */
export interface Restored {
  readonly text: string;
  origin(line: number, column: number): Mustache | undefined;
}

// Unicode private use: no template needs them, and html and CSS tools leave them alone.
const OPEN = '\uE000';
const CLOSE = '\uE001';
const TOKEN = /\uE000(\d+)\uE001(?:="")?/g;

/** The end of the mustache that begins at `from`; -1 when there is none. */
function endOf(text: string, from: number): number {
  if (text.startsWith('{{!--', from) || text.startsWith('{{~!--', from)) {
    const end = /--~?\}\}/g;
    end.lastIndex = from;
    return end.exec(text) ? end.lastIndex : -1;
  }
  const close = text.startsWith('{{{', from) || text.startsWith('{{~{', from) ? '}}}' : '}}';
  const comment = /^\{\{~?!/.test(text.slice(from, from + 4));
  let quote = '';
  for (let i = from + 2; i < text.length; i += 1) {
    const char = text[i]!;
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if (!comment && (char === '"' || char === "'")) {
      quote = char;
    } else if (text.startsWith(close, i)) {
      return i + close.length;
    } else if (close === '}}}' && text.startsWith('}~}}', i)) {
      return i + 4;
    }
  }
  return -1;
}

/** Cuts a source into plain text and mustaches. */
export function splitMustaches(source: SourceText): (string | Mustache)[] {
  const { text, template, file } = source;
  const parts: (string | Mustache)[] = [];
  let done = 0;
  let line = source.line;
  for (let at = text.indexOf('{{'); at >= 0; at = text.indexOf('{{', done)) {
    const escaped = text[at - 1] === '\\' && at - 1 >= done;
    const from = escaped ? at - 1 : at;
    line += countLines(text.slice(done, from));
    const fail = (problem: string, fix: string): never => {
      throw new MailTemplateError({ template, file, line, problem, fix });
    };
    if (text.startsWith('{{{{', at)) {
      return fail('raw blocks (`{{{{`) are not supported', 'Write `\\{{` for braces as text');
    }
    const end = endOf(text, at);
    if (end < 0) return fail('a `{{` is never closed', 'Add the `}}`, or write `\\{{` for text');
    if (from > done) parts.push(text.slice(done, from));
    const raw = text.slice(from, end);
    parts.push({ raw, template, file, line });
    line += countLines(raw);
    done = end;
  }
  if (done < text.length) parts.push(text.slice(done));
  if (text.includes(OPEN) || text.includes(CLOSE)) {
    throw new MailTemplateError({
      template,
      file,
      line: source.line,
      problem: 'the file holds the private-use characters U+E000 or U+E001',
      fix: 'Remove them',
    });
  }
  return parts;
}

function countLines(text: string): number {
  let count = 0;
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) count += 1;
  return count;
}

/** Stands one character sequence in for each mustache, so that html tools can work on a source. */
export class MustacheTable {
  private readonly items: Mustache[] = [];

  token(mustache: Mustache): string {
    this.items.push(mustache);
    return `${OPEN}${this.items.length - 1}${CLOSE}`;
  }

  tokens(source: SourceText): string {
    return splitMustaches(source)
      .map((part) => (typeof part === 'string' ? part : this.token(part)))
      .join('');
  }

  /** Mustaches that `tokenised` once held and `result` lost. */
  lost(tokenised: string, result: string): Mustache[] {
    const kept = new Set(Array.from(result.matchAll(TOKEN), (match) => match[1]));
    const given = Array.from(tokenised.matchAll(TOKEN), (match) => match[1]!);
    return given.filter((n) => !kept.has(n)).map((n) => this.items[Number(n)]!);
  }

  restore(tokenised: string): Restored {
    const places: Place[] = [];
    let text = '';
    let done = 0;
    for (const match of tokenised.matchAll(TOKEN)) {
      const mustache = this.items[Number(match[1])]!;
      text += tokenised.slice(done, match.index);
      places.push({ offset: text.length, mustache });
      text += mustache.raw;
      done = match.index + match[0].length;
    }
    text += tokenised.slice(done);
    return { text, origin: (line, column) => originAt(text, places, line, column) };
  }
}

function originAt(text: string, places: readonly Place[], line: number, column: number) {
  let offset = 0;
  for (let i = 1; i < line; i += 1) offset = text.indexOf('\n', offset) + 1;
  offset += column;
  let found: Mustache | undefined;
  for (const place of places) {
    if (place.offset > offset) break;
    found = place.mustache;
  }
  return found;
}
