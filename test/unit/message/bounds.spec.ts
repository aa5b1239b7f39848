import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { BulkMail } from '../../../lib/message/bulk.js';
import { parseMail } from '../../../lib/message/mail-json.js';
import { MAIL_BOUNDS } from '../../../lib/message/read/bounds.js';
import { issuesOf, make } from './support.js';

const many = <T>(count: number, item: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => item(index));
const addresses = (count: number) => many(count, (i) => `a${i}@example.com`);
const keys = (count: number) => Object.fromEntries(addresses(count).map((key) => [key, 'v']));
const headers = (count: number) => many(count, () => ({ key: 'X-A', value: 'a' }));

/** A message with so many of it, and the field that the error names. */
const FIELDS: Record<string, [keyof typeof MAIL_BOUNDS, string, (count: number) => object]> = {
  to: ['recipients', 'to', (n) => ({ to: addresses(n) })],
  'to as text': ['recipients', 'to', (n) => ({ to: addresses(n).join(',') })],
  cc: ['recipients', 'cc', (n) => ({ cc: addresses(n - 1) })],
  bcc: ['recipients', 'bcc', (n) => ({ bcc: addresses(n - 1) })],
  envelope: ['recipients', 'envelope.to', (n) => ({ envelope: { to: addresses(n) } })],
  replyTo: ['replyTo', 'replyTo', (n) => ({ replyTo: addresses(n) })],
  references: ['references', 'references', (n) => ({ references: many(n, (i) => `<${i}@x>`) })],
  'references as text': [
    'references',
    'references',
    (n) => ({ references: many(n, (i) => `<${i}@x>`).join(' ') }),
  ],
  tags: ['tags', 'tags', (n) => ({ tags: many(n, String) })],
  metadata: ['metadataKeys', 'metadata', (n) => ({ metadata: keys(n) })],
  'size of metadata': [
    'metadataBytes',
    'metadata',
    (n) => ({ metadata: { k: 'ü'.repeat(Math.floor((n - 1) / 2)) + 'x'.repeat((n - 1) % 2) } }),
  ],
  headers: ['headers', 'headers', (n) => ({ headers: headers(n) })],
  attachments: [
    'attachments',
    'attachments',
    (n) => ({ attachments: many(n, () => ({ content: '' })) }),
  ],
};

describe.each(Object.entries(FIELDS))('%s', (_, [bound, path, fields]) => {
  const max = MAIL_BOUNDS[bound];

  it('takes as many as the bound says', () => {
    expect(make(fields(max)).id).toBeDefined();
  });

  it('refuses one more, and names field, count, bound and fix', () => {
    const issues = issuesOf(() => make(fields(max + 1)));
    expect(issues).toEqual([
      {
        path,
        problem: expect.stringMatching(`^holds ${max + 1} .*over the limit of ${max}$`),
        fix: expect.stringMatching(/./),
      },
    ]);
  });
});

it('counts what defaults and each recipient of a bulk add', () => {
  const { metadataKeys } = MAIL_BOUNDS;
  const defaults = { metadata: keys(metadataKeys) };
  expect(issuesOf(() => make({ metadata: { one: 'more' } }, { defaults }))[0]?.path).toBe(
    'metadata',
  );
  const bulk = new BulkMail(make({}, { defaults }));
  const entry = { to: 'a@example.com', metadata: { one: 'more' } };
  expect(issuesOf(() => bulk.entry(entry, 3, 0))[0]?.path).toBe('recipients[3].metadata');
});

it('reads what was stored before there were bounds', () => {
  const stored = { ...make(), tags: many(MAIL_BOUNDS.tags + 1, String), metadata: keys(101) };
  expect(parseMail(JSON.stringify(stored)).tags).toHaveLength(MAIL_BOUNDS.tags + 1);
});

it('the guide says them', () => {
  const guide = readFileSync('docs/guides/messages.md', 'utf8');
  for (const [name, max] of Object.entries(MAIL_BOUNDS)) {
    expect([name, guide.includes(max.toLocaleString('en'))]).toEqual([name, true]);
  }
});
