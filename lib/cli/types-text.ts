import type { TemplateShape } from '../templates/template.js';

/** The declaration of MailTemplates; the shapes of one template's locales are put together. */
export function typesText(templates: ReadonlyMap<string, readonly TemplateShape[]>): string {
  const lines = [...templates]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, shapes]) => `    ${keyOf(name)}: ${typeOf(merge(shapes), 2)};`);
  return `// Written by \`npx nestjs-mail-relay types\`. Do not edit: change the templates and run it again.
import 'nestjs-mail-relay';

declare module 'nestjs-mail-relay' {
  interface MailTemplates {
${lines.join('\n')}
  }
}
`;
}

const keyOf = (name: string) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

const STRENGTH = { any: 0, value: 1, object: 2, list: 3 } as const;

function merge(shapes: readonly TemplateShape[]): TemplateShape {
  const kind = shapes.reduce<TemplateShape['kind']>(
    (best, shape) => (STRENGTH[shape.kind] > STRENGTH[best] ? shape.kind : best),
    'any',
  );
  const names = new Set(shapes.flatMap(({ fields }) => [...fields.keys()]));
  const fields = new Map(
    [...names].map((name) => [
      name,
      merge(shapes.flatMap((shape) => shape.fields.get(name) ?? [])),
    ]),
  );
  const items = shapes.flatMap(({ item }) => item ?? []);
  const optional = shapes.every((shape) => shape.optional);
  return { kind, optional, fields, ...(items.length > 0 && { item: merge(items) }) };
}

function typeOf(shape: TemplateShape, depth: number): string {
  if (shape.kind === 'any') return 'unknown';
  if (shape.kind === 'value') return 'string | number';
  if (shape.kind === 'list') {
    const item = shape.item ? typeOf(shape.item, depth) : 'unknown';
    return `readonly ${/^[\w]+$|^\{/.test(item) ? item : `(${item})`}[]`;
  }
  if (shape.fields.size === 0) return 'object';
  const indent = '  '.repeat(depth + 1);
  const fields = [...shape.fields]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => {
      const mark = field.optional ? '?' : '';
      return `${indent}${keyOf(name)}${mark}: ${typeOf(field, depth + 1)};`;
    });
  return `{\n${fields.join('\n')}\n${'  '.repeat(depth)}}`;
}
