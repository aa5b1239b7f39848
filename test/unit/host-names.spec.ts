import { describe, expect, it } from '@jest/globals';
import { isLoopback } from '../../lib/base/host-names.js';
import fc from '../fixtures/fast-check.js';

const byte = fc.integer({ min: 0, max: 255 });
const ipv4 = fc.tuple(byte, byte, byte, byte);
const dotted = (parts: readonly number[]): string => parts.join('.');
const hex = ([a, b, c, d]: readonly number[]): string =>
  `${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`;
/** What URL and socket write one IPv6 address as. */
const spellings = (address: readonly number[]): string[] =>
  [
    `::ffff:${dotted(address)}`,
    `::FFFF:${hex(address)}`,
    `0:0:0:0:0:ffff:${dotted(address)}`,
  ].flatMap((text) => [text, `[${text}]`]);

describe('isLoopback', () => {
  it.each([
    ...['localhost', 'localhost.', 'LocalHost', '127.0.0.1', '127.255.255.255', '127.0.0.0'],
    ...['::1', '[::1]', '0:0:0:0:0:0:0:1', '0000::0001', '::ffff:127.0.0.1', '[::ffff:7f00:1]'],
  ])('%s is this machine', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each([
    ...['', '.', 'localhost..', '.localhost', 'x.localhost', 'localhost.example.com', 'localhosts'],
    ...[
      '[localhost]',
      'localhost:25',
      '127.0.0.1.example.com',
      '127.0.0.1.',
      '127.1',
      '2130706433',
    ],
    ...['0x7f000001', '0177.0.0.1', '127.0.0.256', '127.0.0.1 ', '[127.0.0.1]', '0.0.0.0', '::'],
    ...[
      '::2',
      '::127.0.0.1',
      '::1%lo',
      '[::1',
      '::1]',
      'fe80::1',
      '::ffff:0:127.0.0.1',
      '１２７.0.0.1',
    ],
  ])('%j is not surely this machine', (host) => {
    expect(isLoopback(host)).toBe(false);
  });

  it('holds for all of 127.0.0.0/8 and for nothing else of IPv4, in every spelling', () => {
    fc.assert(
      fc.property(ipv4, fc.boolean(), (parts, loopback) => {
        const address = loopback ? [127, ...parts.slice(1)] : parts;
        const expected = address[0] === 127;
        for (const host of [dotted(address), ...spellings(address)]) {
          expect([host, isLoopback(host)]).toEqual([host, expected]);
        }
        // As a name it belongs to whoever owns the domain.
        expect(isLoopback(`${dotted(address)}.example.com`)).toBe(false);
        expect(isLoopback(`${dotted(address)}.`)).toBe(false);
      }),
    );
  });

  it('holds for no name but localhost', () => {
    const label = fc.stringMatching(/^[a-z0-9-]{1,12}$/);
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 4 }), (labels) => {
        const name = labels.join('.');
        expect(isLoopback(`localhost.${name}`)).toBe(false);
        expect(isLoopback(`${name}.localhost`)).toBe(false);
        expect(isLoopback(`${name}localhost`)).toBe(false);
      }),
    );
  });

  it('takes what WHATWG URL makes of a host', () => {
    for (const [written, expected] of [
      ['http://127.1/', true],
      ['http://2130706433/', true],
      ['http://0x7f.1/', true],
      ['http://[0:0:0:0:0:0:0:1]/', true],
      ['http://[::ffff:127.0.0.1]/', true],
      ['http://127.0.0.1.example.com/', false],
      ['http://localhost.example.com/', false],
    ] as const) {
      expect([written, isLoopback(new URL(written).hostname)]).toEqual([written, expected]);
    }
  });
});
