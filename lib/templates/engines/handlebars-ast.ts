/** The parts of Handlebars' syntax tree that we read; its own types are not for our declarations. */
export interface AstNode {
  readonly type: string;
  loc: { start: { line: number; column: number } };
}

export interface AstPath extends AstNode {
  readonly type: 'PathExpression';
  readonly data: boolean;
  readonly depth: number;
  readonly parts: readonly string[];
  readonly original: string;
}

export interface AstCall extends AstNode {
  path: AstNode;
  params: AstNode[];
  hash?: { readonly pairs: readonly { readonly key: string; value: AstNode }[] } | undefined;
  /** Of what is printed: false for `{{{x}}}`. */
  escaped?: boolean;
}

export interface AstBlock extends AstCall {
  readonly program?: AstProgram;
  readonly inverse?: AstProgram;
}

export interface AstProgram extends AstNode {
  readonly body: readonly AstNode[];
  readonly blockParams?: readonly string[];
}

export const isPath = (node: AstNode): node is AstPath => node.type === 'PathExpression';
export const isCall = (node: AstNode): node is AstCall =>
  ['MustacheStatement', 'SubExpression', 'PartialStatement'].includes(node.type);

/** The path of a helper that we put there. */
export const helperPath = (at: AstPath, name: string): AstPath => ({
  ...at,
  data: false,
  parts: [name],
  original: name,
  depth: 0,
});
export const isBlock = (node: AstNode): node is AstBlock => node.type === 'BlockStatement';

/** Calls `visit` for every call and block, outer before inner. */
export function walkCalls(program: AstProgram, visit: (call: AstCall | AstBlock) => void): void {
  const expression = (node: AstNode): void => {
    if (isCall(node)) call(node);
  };
  const call = (node: AstCall): void => {
    visit(node);
    node.params.forEach(expression);
    node.hash?.pairs.forEach(({ value }) => expression(value));
  };
  for (const node of program.body) {
    if (!isCall(node) && !isBlock(node)) continue;
    call(node);
    if (!isBlock(node)) continue;
    if (node.program) walkCalls(node.program, visit);
    if (node.inverse) walkCalls(node.inverse, visit);
  }
}
