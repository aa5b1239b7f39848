import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { MAIL_ERROR_CODES } from '../../lib/base/errors.js';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

describe('README', () => {
  it('lists every error code with what it means, and no other', () => {
    const table = README.split('<!-- error-codes -->')[1]!.trim().split('\n\n')[0]!;
    const rows = table.split('\n').slice(2);
    const expected = Object.entries(MAIL_ERROR_CODES).map(
      ([code, meaning]) => `| \`${code}\` | ${meaning} |`,
    );
    expect(rows).toEqual(expected);
  });
});
