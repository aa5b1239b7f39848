import { MailTemplateError } from '../../base/errors.js';
import type { TemplateContext, TemplateFile } from '../template.js';
import {
  helperPath,
  isPath,
  walkCalls,
  type AstCall,
  type AstNode,
  type AstPath,
  type AstProgram,
} from './handlebars-ast.js';
import { PARTIAL } from './handlebars-variables.js';
import type { Mustache, Restored } from './mustaches.js';

/**
 * Stands around a variable that is an argument. Handlebars' strict mode leaves arguments out, and takes
 * what is there and `undefined`, or inherited, for nothing.
 */
export const NEED = 'mail:need';

export class BadVariable extends Error {
  constructor(
    readonly variable: string,
    /** As Handlebars' own errors have it. */
    readonly lineNumber: number,
    readonly kind: 'missing' | 'object' | 'promise' = 'missing',
  ) {
    super(variable);
  }
}

/** What a helper of the app's own threw. */
export class HelperFailure extends Error {
  constructor(
    readonly helper: string,
    readonly lineNumber: number,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** @param parent What the path goes through, or the options that Handlebars gives last. */
export function need(origin: number, variable: string, value: unknown, parent: unknown): unknown {
  if (value === undefined || parent === null) throw new BadVariable(variable, origin);
  return value;
}

/** In `{{#if name}}` a missing name is an answer, anywhere else a mistake. */
export function needVariables(ast: AstProgram): void {
  walkCalls(ast, (call) => {
    const name = isPath(call.path) ? call.path.original : '';
    if (name === NEED) return;
    if (!['if', 'unless'].includes(name)) call.params = call.params.map(needed);
    for (const pair of call.hash?.pairs ?? []) pair.value = needed(pair.value);
  });
}

const isPrinted = (node: AstNode): node is AstPath => isPath(node) && node.parts.length > 0;

function needed(node: AstNode): AstNode {
  if (!isPrinted(node) || node.data) return node;
  const path = helperPath(node, NEED);
  const call: AstCall = { type: 'SubExpression', path, params: given(node), loc: node.loc };
  return call;
}

/** The number of the mustache, the variable as it is written there, its value and its parent's. */
function given(path: AstPath): AstNode[] {
  const { loc, original, parts } = path;
  const number = { type: 'NumberLiteral', value: loc.start.line, original: loc.start.line, loc };
  const string = { type: 'StringLiteral', value: original, original, loc };
  const parent = { ...path, parts: parts.slice(0, -1) };
  return [number, string, path, ...(parts.length > 1 ? [parent] : [])];
}

/** Handlebars' errors carry a line: make it the number of the mustache that it stands for. */
export function markOrigins(ast: AstProgram, source: Restored, origins: Mustache[]): void {
  const mark = (node: { loc: AstCall['loc'] }): void => {
    const { line, column } = node.loc.start;
    const origin = source.origin(line, column);
    if (!origin) return;
    node.loc = { ...node.loc, start: { line: origins.push(origin), column } };
  };
  walkCalls(ast, (call) => {
    mark(call);
    mark(call.path);
    call.params.forEach(mark);
    call.hash?.pairs.forEach(({ value }) => mark(value));
  });
}

/** What Handlebars threw, with the file and line that it is about. */
export function asTemplateError(
  template: string,
  file: TemplateFile,
  cause: unknown,
  origins: readonly Mustache[],
  context: TemplateContext,
): MailTemplateError {
  if (cause instanceof MailTemplateError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const number = cause instanceof Error && 'lineNumber' in cause ? Number(cause.lineNumber) : 0;
  const at = origins[number - 1];
  const where = { template, file: at?.file ?? file.shown, line: at?.line, cause };
  if (cause instanceof HelperFailure) {
    return new MailTemplateError({
      ...where,
      cause: cause.cause,
      problem: `the helper \`${cause.helper}\` failed: ${message}`,
      fix: 'Look at what it was given',
    });
  }
  if (!(cause instanceof BadVariable)) {
    return new MailTemplateError({
      ...where,
      problem: `it cannot be filled: ${message}`,
      fix: 'Look at the helpers that it calls and at what they are given',
    });
  }
  const { variable, kind } = cause;
  const shown = `the variable \`${variable}\` of \`${shownSource(at, variable)}\``;
  if (kind === 'promise') {
    return new MailTemplateError({
      ...where,
      variable,
      problem: `\`${shownSource(at, variable)}\` is a promise, and a template waits for none`,
      fix: 'Await it before `send`, and give the value in `context`',
    });
  }
  if (kind === 'object') {
    return new MailTemplateError({
      ...where,
      variable,
      problem: `${shown} is an object`,
      fix: `Print one of its fields, such as \`{{${variable}.name}}\``,
    });
  }
  if (isInherited(context, variable)) {
    return new MailTemplateError({
      ...where,
      variable,
      problem: `${shown} is inherited, from a class or a prototype, and such are not read`,
      fix: 'Copy it into `context`',
    });
  }
  return new MailTemplateError({
    ...where,
    variable,
    problem: `${shown} is missing`,
    fix: `Give it in \`context\`, or write \`{{#if ${variable}}}\` around it where it may be missing`,
  });
}

const PARTIAL_OPEN = `#${PARTIAL} `;

/** As the file has it. */
function shownSource(at: Mustache | undefined, variable: string): string {
  return (at?.raw ?? variable).replace(PARTIAL_OPEN, '> … ').slice(0, 60);
}

/** A getter of a class is there for everyone but the template. Names of blocks are not followed. */
function isInherited(context: TemplateContext, variable: string): boolean {
  const parts = variable.split('.');
  let at: unknown = context;
  for (const [index, part] of parts.entries()) {
    if (typeof at !== 'object' || at === null) return false;
    if (!Object.hasOwn(at, part)) return index === parts.length - 1 && part in at;
    at = (at as Record<string, unknown>)[part];
  }
  return false;
}
