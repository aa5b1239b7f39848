import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { MAIL_ERROR_CODES } from '../../lib/base/errors.js';

const ERRORS = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');

describe('the reference of errors', () => {
  it('lists every error code with what it means, and no other', () => {
    const table = ERRORS.split('<!-- error-codes -->')[1]!.trim().split('\n\n')[0]!;
    const rows = table.split('\n').slice(2);
    const expected = Object.entries(MAIL_ERROR_CODES).map(
      ([code, meaning]) => `| \`${code}\` | ${meaning} |`,
    );
    expect(rows).toEqual(expected);
  });
});
