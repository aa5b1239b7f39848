import { isThenable } from '../../base/thenable.js';
import { helperPath, isBlock, isCall, isPath } from './handlebars-ast.js';
import type { AstCall, AstNode, AstPath, AstProgram } from './handlebars-ast.js';
import { BadVariable, need } from './handlebars-faults.js';

/**
 * A template is run for its trace: which of its fixed texts came in which order, and which values
 * between them. Two mails with the same trace differ in those values alone, so that what was worked
 * out for one (moved CSS, text part) holds for the other.
 *
 * In the trace a fixed text is one character, from `FIRST_TEXT` on; a value is `VALUE`, or `EMPTY`; a
 * value that decides over the html stands there itself, as `VERBATIM` length `VERBATIM` value.
 */
export const VALUE = '\x01';
export const EMPTY = '\x02';
export const VERBATIM = '\x03';
/** Ends html, preheader, text and subject, in this order. */
export const END = '\x04';
export const FIRST_TEXT = 0x20;
const MAX_TEXTS = 0xd000;

/** Stand in the place of what a template prints: a variable, and what a helper returned. */
export const PRINT = 'mail:print';
export const RESULT = 'mail:result';
/** Before the name of a helper's block in a subject or text part, where nothing is escaped. */
export const IN_TEXT = 'mail:text:';

/** One run of a template. */
export interface Trace {
  readonly key: string;
  /** As they are shown, one for each `VALUE`. */
  readonly values: readonly string[];
  /** The number of the mustache that printed the value. */
  readonly printers: readonly number[];
}

/** As Handlebars prints it. */
const printedForm = (value: unknown): string =>
  typeof value === 'string' ? value : (value as string);

/** How a value is printed where nothing is escaped; `undefined` for nothing. */
export function showSafe(
  value: unknown,
  toText: ((html: string) => string) | undefined,
): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isSafe(value)) return printedForm(value);
  const html = value.toHTML();
  return toText ? toText(html) : html;
}

/** What a helper vouches for: html that is printed as it is. */
interface SafeValue {
  toHTML(): string;
}

const isSafe = (value: unknown): value is SafeValue =>
  typeof value === 'object' &&
  value !== null &&
  'toHTML' in value &&
  typeof value.toHTML === 'function';

/** It would print `[object Object]`. An array, a Date and a SafeString have words of their own. */
const isWordless = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !isSafe(value) &&
  (typeof Reflect.get(value, 'toString') !== 'function' ||
    Reflect.get(value, 'toString') === Reflect.get(Object.prototype, 'toString'));

/** Number of the mustache, number of the printer, name, value, and what a path goes through. */
export type Printed = readonly [number, number, string, unknown, unknown];

interface Printer {
  /** Whether it escapes nothing (`{{{x}}}`). */
  readonly raw: boolean;
  readonly isText: boolean;
}

export class TraceRecorder {
  readonly texts: string[] = [];
  private readonly printers: Printer[] = [];
  /** Printers whose values decide over the html, and stand in the trace themselves. */
  private readonly deciding = new Set<number>();
  private values: string[] = [];
  private ids: number[] = [];

  constructor(
    private readonly escape: (text: string) => string,
    readonly safeToText: (html: string) => string,
  ) {}

  /** @returns Whether that is new. */
  decides(printer: number): boolean {
    if (this.deciding.has(printer)) return false;
    this.deciding.add(printer);
    return true;
  }

  run(template: () => string): Trace {
    // A helper may fill the same template again.
    const outer = { values: this.values, ids: this.ids };
    this.values = [];
    this.ids = [];
    try {
      const key = template();
      return { key, values: this.values, printers: this.ids };
    } finally {
      this.values = outer.values;
      this.ids = outer.ids;
    }
  }

  /** What a block of a helper's own holds, filled, since the helper may read it. */
  filled(block: () => string, isText: boolean): string {
    const { key, values } = this.run(block);
    const [parts] = readTrace(key + END, this.texts);
    return join(parts!, isText ? values : values.map(this.escape));
  }

  /** Rewrites a tree so that it writes its trace. */
  rewrite(
    program: AstProgram,
    isText: boolean,
    helpers: ReadonlySet<string>,
    own: Readonly<Record<string, unknown>>,
  ): void {
    for (const node of program.body) {
      if (node.type === 'ContentStatement') this.fixed(node as AstNode & { value: string });
      else if (node.type === 'MustacheStatement') this.printed(node as AstCall, isText, helpers);
      else if (isBlock(node)) {
        if (isText && isPath(node.path) && Object.hasOwn(own, node.path.original)) {
          node.path = helperPath(node.path, IN_TEXT + node.path.original);
        }
        if (node.program) this.rewrite(node.program, isText, helpers, own);
        if (node.inverse) this.rewrite(node.inverse, isText, helpers, own);
      }
    }
  }

  private fixed(node: AstNode & { value: string }): void {
    if (node.value === '') return;
    if (this.texts.length >= MAX_TEXTS) throw new RangeError('the template has too many parts');
    const code = FIRST_TEXT + this.texts.push(node.value) - 1;
    node.value = String.fromCharCode(code);
  }

  private printed(call: AstCall, isText: boolean, helpers: ReadonlySet<string>): void {
    const { loc, params, hash } = call;
    const path = isPath(call.path) ? call.path : asPath(call.path);
    const isHelper =
      isCall(call.path) || params.length > 0 || hash !== undefined || helpers.has(path.original);
    const id = this.printers.push({ raw: call.escaped === false && !isText, isText }) - 1;
    const number = (value: number) => ({ type: 'NumberLiteral', value, original: value, loc });
    const name = { type: 'StringLiteral', value: path.original, original: path.original, loc };
    const result: AstCall = { type: 'SubExpression', path: call.path, params, hash, loc };
    const parent = { ...path, parts: path.parts.slice(0, -1) };
    call.params = [number(loc.start.line), number(id), name, isHelper ? result : path];
    if (!isHelper && path.parts.length > 1) call.params.push(parent);
    call.path = helperPath(path, isHelper ? RESULT : PRINT);
    call.hash = undefined;
    call.escaped = false;
  }

  print(context: unknown, ...[origin, id, variable, given, parent]: Printed): string {
    const called = typeof given === 'function' ? (given as () => unknown).call(context) : given;
    // `this` is there whatever it is.
    if (variable === 'this' || variable === '.') return this.show(id, called);
    const value = need(origin, variable, called, parent);
    if (isWordless(value)) throw new BadVariable(variable, origin, 'object');
    return this.show(id, value);
  }

  result(...[origin, id, helper, value]: Printed): string {
    if (isThenable(value)) throw new BadVariable(helper, origin, 'promise');
    return this.show(id, value);
  }

  private show(id: number, value: unknown): string {
    const { raw, isText } = this.printers[id]!;
    if (value === undefined || value === null) return EMPTY;
    if (isSafe(value)) return verbatim(showSafe(value, isText ? this.safeToText : undefined)!);
    const text = printedForm(value);
    if (text === '') return EMPTY;
    if (raw) return verbatim(text);
    if (this.deciding.has(id)) return verbatim(isText ? text : this.escape(text));
    this.values.push(text);
    this.ids.push(id);
    return VALUE;
  }
}

export const verbatim = (text: string) =>
  text === '' ? EMPTY : `${VERBATIM}${text.length}${VERBATIM}${text}`;

/** `{{"a name"}}` is the variable of that name. */
function asPath(literal: AstNode): AstPath {
  const { original } = literal as AstNode & { readonly original: unknown };
  const name = String(original);
  const { loc } = literal;
  return { type: 'PathExpression', data: false, depth: 0, parts: [name], original: name, loc };
}

/** What a trace is made of: fixed text and verbatim values as strings, other values by their number. */
export type Parts = readonly (string | number)[];

/** Reads a trace; one list for each of its parts. */
export function readTrace(key: string, texts: readonly string[]): readonly Parts[] {
  const read: (string | number)[][] = [];
  let parts: (string | number)[] = [];
  let value = 0;
  for (let i = 0; i < key.length; i += 1) {
    const char = key[i]!;
    if (char === EMPTY) continue;
    if (char === END) {
      read.push(parts);
      parts = [];
    } else if (char === VALUE) parts.push(value++);
    else if (char === VERBATIM) {
      const end = key.indexOf(VERBATIM, i + 1);
      const length = Number(key.slice(i + 1, end));
      parts.push(key.slice(end + 1, end + 1 + length));
      i = end + length;
    } else parts.push(texts[char.charCodeAt(0) - FIRST_TEXT]!);
  }
  return read;
}

export function join(parts: Parts, values: readonly string[]): string {
  let text = '';
  for (const part of parts) text += typeof part === 'string' ? part : values[part]!;
  return text;
}
