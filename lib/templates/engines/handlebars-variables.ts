import type { TemplateShape } from '../template.js';
import { isBlock, isCall, isPath } from './handlebars-ast.js';
import type { AstBlock, AstCall, AstNode, AstPath, AstProgram } from './handlebars-ast.js';

const shape = (): TemplateShape => ({ kind: 'any', optional: true, fields: new Map() });

/** What names mean at one depth: `this`, and the names that a block gave (`as |item index|`). */
interface Scope {
  readonly self: TemplateShape;
  readonly named: ReadonlyMap<string, TemplateShape>;
}

/** How a path is used. */
type Use = 'value' | 'list' | 'object' | 'test' | 'argument';

const CONDITIONS = new Set(['if', 'unless']);

/** Reads from a syntax tree which variables a template takes, as far as it shows. */
export function variablesOf(program: AstProgram, helpers: ReadonlySet<string>): TemplateShape {
  const root = shape();
  root.kind = 'object';
  root.optional = false;
  new Reader(helpers).program(program, [{ self: root, named: new Map() }], false);
  return root;
}

class Reader {
  constructor(private readonly helpers: ReadonlySet<string>) {}

  program(program: AstProgram | undefined, scopes: readonly Scope[], guarded: boolean): void {
    for (const node of program?.body ?? []) {
      if (isBlock(node)) this.block(node, scopes, guarded);
      else if (isCall(node)) this.call(node, scopes, guarded);
    }
  }

  private call(node: AstCall, scopes: readonly Scope[], guarded: boolean): void {
    const helper = isPath(node.path) && this.helpers.has(node.path.original);
    if (!helper) this.use(node.path, scopes, 'value', guarded);
    this.args(node, scopes, guarded);
  }

  private args(node: AstCall, scopes: readonly Scope[], guarded: boolean): void {
    const values = [...node.params, ...(node.hash?.pairs.map(({ value }) => value) ?? [])];
    for (const value of values) {
      if (isCall(value)) this.call(value, scopes, guarded);
      else this.use(value, scopes, 'argument', guarded);
    }
  }

  private block(node: AstBlock, scopes: readonly Scope[], guarded: boolean): void {
    const name = isPath(node.path) ? node.path.original : '';
    const [first] = node.params;
    const inside = (self: TemplateShape, params: readonly string[] = []) => {
      const named = new Map(scopes[0]!.named);
      params.forEach((param, index) => named.set(param, index === 0 ? self : shape()));
      return [{ self, named }, ...scopes];
    };
    if (CONDITIONS.has(name) && first) {
      if (isCall(first)) this.call(first, scopes, guarded);
      else this.use(first, scopes, 'test', guarded);
      // What stands only behind a test may be missing; whether it is the same name does not matter.
      this.program(node.program, scopes, true);
      this.program(node.inverse, scopes, true);
    } else if (name === 'each' && first) {
      const list = this.use(first, scopes, 'list', guarded);
      if (list) {
        list.item ??= shape();
        this.program(node.program, inside(list.item, node.program?.blockParams), false);
      }
      this.program(node.inverse, scopes, guarded);
    } else if (name === 'with' && first) {
      const object = this.use(first, scopes, 'object', guarded);
      if (object) this.program(node.program, inside(object, node.program?.blockParams), false);
      this.program(node.inverse, scopes, guarded);
    } else if (name === PARTIAL) {
      this.partial(node, scopes, guarded);
    } else if (this.helpers.has(name)) {
      this.args(node, scopes, guarded);
      this.program(node.program, scopes, true);
      this.program(node.inverse, scopes, true);
    } else {
      // A plain section: a list or an object by the same name.
      const value = this.use(node.path, scopes, 'test', guarded);
      if (value) this.program(node.program, inside(value), true);
      this.program(node.inverse, scopes, guarded);
    }
  }

  /** `{{> name context a=b}}`: the given names are not the template's own. */
  private partial(node: AstBlock, scopes: readonly Scope[], guarded: boolean): void {
    const [first] = node.params;
    const self = first ? this.use(first, scopes, 'object', guarded) : scopes[0]!.self;
    const named = new Map(first ? [] : scopes[0]!.named);
    for (const { key, value } of node.hash?.pairs ?? []) {
      const given = isCall(value)
        ? (this.call(value, scopes, guarded), undefined)
        : this.use(value, scopes, 'argument', guarded);
      named.set(key, given ?? shape());
    }
    const inner = [{ self: self ?? shape(), named }, ...scopes.slice(1)];
    this.program(node.program, inner, guarded);
  }

  private use(
    node: AstNode,
    scopes: readonly Scope[],
    use: Use,
    guarded: boolean,
  ): TemplateShape | undefined {
    if (!isPath(node) || node.data) return undefined;
    const scope = scopes[node.depth];
    if (!scope) return undefined;
    const found = this.walk(node, scope, guarded || use === 'test');
    if (use === 'value' && found.kind === 'any') found.kind = 'value';
    if (use === 'list') found.kind = 'list';
    if (use === 'object') found.kind = 'object';
    return found;
  }

  private walk(path: AstPath, scope: Scope, optional: boolean): TemplateShape {
    const [head, ...rest] = path.parts;
    const explicit = /^(?:\.\.?\/|this[./])/.test(path.original);
    const named = head === undefined || explicit ? undefined : scope.named.get(head);
    let at = named ?? scope.self;
    for (const part of named ? rest : path.parts) {
      if (at.kind === 'any' || at.kind === 'value') at.kind = 'object';
      let field = at.fields.get(part);
      if (!field) at.fields.set(part, (field = shape()));
      if (!optional) field.optional = false;
      at = field;
    }
    return at;
  }
}

/** The block that a partial with arguments becomes. */
export const PARTIAL = 'mail:partial';
