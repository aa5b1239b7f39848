import { describe, expect, it } from '@jest/globals';
import fc from '../../fixtures/fast-check.js';
import { ReplyParser } from '../../../lib/transports/smtp/protocol/reply-parser.js';
import {
  MAX_REPLY_BYTES,
  MAX_REPLY_LINE_BYTES,
} from '../../../lib/transports/smtp/protocol/reply.js';

type Plain = [code: number, text: string];

function parse(chunks: readonly Buffer[]): Plain[] {
  const replies: Plain[] = [];
  const parser = new ReplyParser((reply) => replies.push([reply.code, reply.text]));
  for (const chunk of chunks) parser.push(chunk);
  return replies;
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const cuts = [...new Set(at.map((one) => one % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));
}

const line = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .map((text) => text.replace(/[\r\n]/g, ''));
const reply = fc.record({
  code: fc.integer({ min: 200, max: 599 }),
  lines: fc.array(line, { minLength: 1, maxLength: 4 }),
});

function bytesOf(
  replies: readonly { code: number; lines: readonly string[] }[],
  end: string,
): Buffer {
  const text = replies.flatMap(({ code, lines }) =>
    lines.map((one, i) => `${code}${i === lines.length - 1 ? ' ' : '-'}${one}${end}`),
  );
  return Buffer.from(text.join(''));
}

describe('the reply parser', () => {
  it('reads the same replies however the bytes are split', () => {
    fc.assert(
      fc.property(
        fc.array(reply, { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        fc.constantFrom('\r\n', '\n'),
        (replies, cuts, end) => {
          const expected = replies.map(({ code, lines }) => [code, lines.join('\n')]);
          const bytes = bytesOf(replies, end);
          expect(parse(cut(bytes, cuts))).toEqual(expected);
          expect(parse(Array.from(bytes, (byte) => Buffer.from([byte])))).toEqual(expected);
        },
      ),
    );
  });

  it('takes a code alone, with and without a space', () => {
    expect(parse([Buffer.from('250\r\n250 \r\n250-\r\n250\r\n')])).toEqual([
      [250, ''],
      [250, ''],
      [250, '\n'],
    ]);
  });

  it.each([
    ['no digits', 'hello\r\n'],
    ['a code out of range', '150 go on\r\n'],
    ['a code too high', '650 what\r\n'],
    ['no separator', '250x\r\n'],
    ['an empty line', '\r\n'],
    ['lines that disagree', '250-one\r\n251 two\r\n'],
    ['an HTTP answer', 'HTTP/1.1 400 Bad Request\r\n'],
  ])('refuses %s', (_, text) => {
    expect(() => parse([Buffer.from(text)])).toThrow(/repl/);
  });

  it('caps a line that never ends, and a reply of endless lines', () => {
    const endless = Array.from({ length: 3 }, () => Buffer.alloc(MAX_REPLY_LINE_BYTES / 2, 'a'));
    expect(() => parse([Buffer.from('250 '), ...endless])).toThrow(/longer/);
    const long = Buffer.from(`250 ${'a'.repeat(MAX_REPLY_LINE_BYTES)}\r\n`);
    expect(() => parse([long])).toThrow(/longer/);
    const row = Buffer.from(`250-${'a'.repeat(996)}\r\n`);
    const rows = Array.from({ length: Math.ceil(MAX_REPLY_BYTES / 1000) + 1 }, () => row);
    expect(() => parse(rows)).toThrow(/longer/);
  });

  it('finds the enhanced code only where it agrees with the reply (RFC 2034)', () => {
    const codes: (string | undefined)[] = [];
    const parser = new ReplyParser((one) => codes.push(one.enhancedCode));
    parser.push(
      Buffer.from('550 5.1.1 no\r\n550 2.1.1 no\r\n250 2.0.0\r\n250 2.0 ok\r\n250 ok\r\n'),
    );
    expect(codes).toEqual(['5.1.1', undefined, '2.0.0', undefined, undefined]);
  });
});
