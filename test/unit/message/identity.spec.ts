import { describe, expect, it } from '@jest/globals';
import { makeMessageId, parseMessageId, splitMessageIds } from '../../../lib/message/message-id.js';
import { isUuidV7, uuidv7 } from '../../../lib/message/uuid.js';
import { make, pathsOf } from './support.js';

describe('uuidv7', () => {
  it('has the form of RFC 9562 and carries the time', () => {
    const now = Date.UTC(2030, 0, 2, 3, 4, 5, 678);
    const id = uuidv7(now);
    expect(isUuidV7(id)).toBe(true);
    expect(Number.parseInt(id.slice(0, 13).replace('-', ''), 16)).toBe(now);
  });

  it('ascends within a millisecond, past the counter too, and never repeats', () => {
    const now = Date.UTC(2031, 0, 1);
    const ids = Array.from({ length: 20_000 }, () => uuidv7(now));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => isUuidV7(id))).toBe(true);
    expect([...ids].sort()).toEqual(ids);
  });

  it('goes on ascending when the clock steps back a little, and follows a great step', () => {
    const now = Date.UTC(2032, 0, 1);
    const first = uuidv7(now);
    expect(uuidv7(now - 5_000) > first).toBe(true);
    const earlier = uuidv7(now - 86_400_000);
    expect(Number.parseInt(earlier.slice(0, 13).replace('-', ''), 16)).toBe(now - 86_400_000);
  });

  it('fills all of its random bits', () => {
    const seen = Array.from({ length: 400 }, () => uuidv7(Date.UTC(2033, 0, 1)).slice(19));
    for (const at of [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]) {
      expect(new Set(seen.map((tail) => tail[at])).size).toBe(16);
    }
    expect([...new Set(seen.map((tail) => tail[0]))].sort()).toEqual(['8', '9', 'a', 'b']);
  });

  it.each(['', 'x', 17, null, '0190b8a0-0000-4000-8000-000000000000'])('%p is none', (value) => {
    expect(isUuidV7(value)).toBe(false);
  });
});

describe('Message-ID', () => {
  it('is made of the id and the domain of from', () => {
    const mail = make();
    expect(mail.messageId).toBe(`<${mail.id}@shop.example>`);
    expect(makeMessageId('i', '"a@b"@x.y')).toBe('<i@x.y>');
    expect(make({ from: 'a@bücher.example' }).messageId).toMatch(/@xn--bcher-kva\.example>$/);
  });

  it.each([
    ['<a.b@c.d>', '<a.b@c.d>'],
    ['a.b@c.d', '<a.b@c.d>'],
    [' <a@[192.0.2.1]> ', '<a@[192.0.2.1]>'],
  ])('%s', (given, expected) => {
    expect(make({ messageId: given, inReplyTo: given })).toMatchObject({
      messageId: expected,
      inReplyTo: expected,
    });
  });

  it.each([
    '',
    'a',
    '<a@b',
    'a b@c',
    '<a@b> <c@d>',
    'a@b\r\nX: y',
    'ü@b',
    'a@(b)',
    'x'.repeat(990),
  ])('refuses %j as our own', (messageId) => {
    expect(pathsOf(() => make({ messageId }))).toEqual(['messageId']);
  });

  it('quotes what others wrote, unless it breaks a header', () => {
    expect(parseMessageId('<weird(id)with"things>')).toBe('<weird(id)with"things>');
    for (const inReplyTo of ['a b', 'a<b', 'a\nb', 'a\u0000b', 'ü']) {
      expect(pathsOf(() => make({ inReplyTo }))).toEqual(['inReplyTo']);
    }
  });

  it('splits References as others write them', () => {
    expect(splitMessageIds('<a@b><c@d>  <e@f>, g@h')).toEqual(['<a@b>', '<c@d>', '<e@f>', 'g@h']);
    expect(make({ references: '<a@b> <c@d>' }).references).toEqual(['<a@b>', '<c@d>']);
    expect(make({ references: ['a@b', '<c@d>'] }).references).toEqual(['<a@b>', '<c@d>']);
    expect(pathsOf(() => make({ references: ['a@b', 'x\r\ny', 7] }))).toEqual([
      'references[1]',
      'references[2]',
    ]);
  });
});
