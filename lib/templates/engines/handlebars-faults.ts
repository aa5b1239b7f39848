import { MailTemplateError } from '../../errors.js';
import type { TemplateFile } from '../template.js';
import {
  isPath,
  walkCalls,
  type AstCall,
  type AstNode,
  type AstProgram,
} from './handlebars-ast.js';
import type { Mustache, Restored } from './mustaches.js';

/** Stands around a variable that is an argument: Handlebars' strict mode leaves those out. */
export const NEED = 'mail:need';

class MissingVariable extends Error {
  constructor(
    readonly variable: string,
    /** As Handlebars' own errors have it. */
    readonly lineNumber: number,
  ) {
    super(`${variable} is missing`);
  }
}

/** The helper of that name. */
export function need(origin: number, variable: string, value: unknown): unknown {
  if (value === undefined) throw new MissingVariable(variable, origin);
  return value;
}

/** In `{{#if name}}` a missing name is an answer, in any other argument a mistake. */
export function needArguments(ast: AstProgram): void {
  walkCalls(ast, (call) => {
    const name = isPath(call.path) ? call.path.original : '';
    if (name === NEED) return;
    if (!['if', 'unless'].includes(name)) call.params = call.params.map(needed);
    for (const pair of call.hash?.pairs ?? []) pair.value = needed(pair.value);
  });
}

function needed(node: AstNode): AstNode {
  if (!isPath(node) || node.data || node.parts.length === 0) return node;
  const { loc, original } = node;
  const path = { ...node, data: false, parts: [NEED], original: NEED, depth: 0, strip: {} };
  const number = { type: 'NumberLiteral', value: loc.start.line, original: loc.start.line, loc };
  const string = { type: 'StringLiteral', value: original, original, loc };
  const call: AstCall = { type: 'SubExpression', path, params: [number, string, node], loc };
  return call;
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
): MailTemplateError {
  if (cause instanceof MailTemplateError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const number = cause instanceof Error && 'lineNumber' in cause ? Number(cause.lineNumber) : 0;
  const at = origins[number - 1];
  const variable =
    cause instanceof MissingVariable
      ? cause.variable
      : /^"(.*)" not defined in /.exec(message)?.[1];
  return new MailTemplateError({
    template,
    file: at?.file ?? file.shown,
    line: at?.line,
    variable,
    problem:
      variable === undefined
        ? `it cannot be filled: ${message}`
        : `the variable \`${variable}\` of \`${at?.raw.slice(0, 60) ?? variable}\` is missing`,
    fix:
      variable === undefined
        ? 'Look at the helpers that it calls and at what they are given'
        : `Give it in \`context\`, or write \`{{#if ${variable}}}\` around it where it may be missing`,
    cause,
  });
}
