import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

const LIB = new URL('../../lib/', import.meta.url);

it('a log’s context is a name in quotes, since a bundler renames classes', () => {
  const files = readdirSync(LIB, { recursive: true, encoding: 'utf8' });
  const made = files
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => [
      ...readFileSync(new URL(name, LIB), 'utf8').matchAll(/new Logger\(([^;]*)\)/g),
    ])
    .map(([, context]) => context!);
  expect(made.length).toBeGreaterThan(4);
  expect(made.filter((context) => /\.name\b/.test(context))).toEqual([]);
});
