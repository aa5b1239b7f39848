import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const GUIDE = readFileSync(
  new URL('../../docs/guides/write-a-provider.md', import.meta.url),
  'utf8',
);
const FOLDER = new URL('../fixtures/providers/acme/', import.meta.url);

describe('the guide to a provider of one’s own', () => {
  it('shows every file of the provider that the contract suite runs, as it is', () => {
    const blocks = [...GUIDE.matchAll(/```ts\n\/\/ (\S+)\n([^]*?)```/g)];
    const shown = Object.fromEntries(blocks.map(([, name, code]) => [name, code]));
    const files = readdirSync(FOLDER).map((name) => [
      name,
      readFileSync(new URL(name, FOLDER), 'utf8'),
    ]);
    expect(shown).toEqual(Object.fromEntries(files));
  });
});
