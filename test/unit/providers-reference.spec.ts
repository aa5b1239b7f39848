import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { Providers } from '../../lib/transports/web-api/providers.js';
import { providersReference } from '../fixtures/providers-reference.js';

const FILE = new URL('../../docs/reference/providers.md', import.meta.url);

it('the reference of providers says what the code does', async () => {
  const made = await providersReference(new Providers().all);
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(FILE, made);
  expect(readFileSync(FILE, 'utf8')).toBe(made);
});
