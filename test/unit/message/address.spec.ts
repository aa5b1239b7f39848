import { describe, expect, it } from '@jest/globals';
import { parseMail } from '../../../lib/message/mail-json.js';
import fc from '../../fixtures/fast-check.js';
import { parseAddressList } from '../../../lib/message/address/address.js';
import { issuesOf, make, pathsOf } from './support.js';

const read = (input: string) => parseAddressList(input).addresses;
const refused = (input: string) => {
  const { addresses, faults } = parseAddressList(input);
  expect(addresses).toEqual([]);
  expect(faults.length).toBeGreaterThan(0);
  return faults.map(({ problem, fix }) => `${problem}. ${fix}`).join('\n');
};

describe('what an address may look like', () => {
  it.each([
    ['jo@example.com', { address: 'jo@example.com' }],
    ['  jo@example.com ', { address: 'jo@example.com' }],
    ['<jo@example.com>', { address: 'jo@example.com' }],
    ['Jo <jo@example.com>', { name: 'Jo', address: 'jo@example.com' }],
    ['Dr. Jo  von A <jo@example.com>', { name: 'Dr. Jo von A', address: 'jo@example.com' }],
    ['Jo<jo@example.com>', { name: 'Jo', address: 'jo@example.com' }],
    ['"Doe, Jo" <jo@example.com>', { name: 'Doe, Jo', address: 'jo@example.com' }],
    [
      '"Jo \\"J\\" <x@y.z>" <jo@example.com>',
      { name: 'Jo "J" <x@y.z>', address: 'jo@example.com' },
    ],
    ['[Team] Jo <jo@example.com>', { name: '[Team] Jo', address: 'jo@example.com' }],
    ['Jörg 瘍 😀 <jo@example.com>', { name: 'Jörg 瘍 😀', address: 'jo@example.com' }],
    ["O'Brien+tag/x=y_{z}@Example.COM", { address: "O'Brien+tag/x=y_{z}@example.com" }],
    ['root@localhost', { address: 'root@localhost' }],
    ['jo@[192.0.2.1]', { address: 'jo@[192.0.2.1]' }],
    ['jo@[IPv6:2001:DB8::1]', { address: 'jo@[IPv6:2001:db8::1]' }],
    ['"john smith"@example.com', { address: '"john smith"@example.com' }],
    ['"a..b"@example.com', { address: '"a..b"@example.com' }],
    ['"a(b),c:d;e"@example.com', { address: '"a(b),c:d;e"@example.com' }],
    ['"jo"@example.com', { address: 'jo@example.com' }],
    ['"j\\o"@example.com', { address: 'jo@example.com' }],
    ['jörg@example.com', { address: 'jörg@example.com' }],
    ['jo@bücher.example', { address: 'jo@xn--bcher-kva.example' }],
    ['jo@ｅｘａｍｐｌｅ．ｃｏｍ', { address: 'jo@example.com' }],
    ['jo@例え。テスト', { address: 'jo@xn--r8jz45g.xn--zckzah' }],
  ])('%s', (input, expected) => {
    expect(parseAddressList(input)).toEqual({ addresses: [expected], faults: [] });
  });

  it.each([
    ['no at sign', 'jo.example.com'],
    ['nothing before the @', '@example.com'],
    ['nothing after it', 'jo@'],
    ['nothing in the brackets', 'Jo <>'],
    ['two @', 'a@b@example.com'],
    ['a space', 'jo doe@example.com'],
    ['a space in the domain', 'jo@exa mple.com'],
    ['a leading dot', '.jo@example.com'],
    ['a trailing dot', 'jo.@example.com'],
    ['two dots', 'j..o@example.com'],
    ['two dots in the domain', 'jo@example..com'],
    ['a trailing dot in the domain', 'jo@example.com.'],
    ['a leading hyphen in the domain', 'jo@-example.com'],
    ['a trailing hyphen in the domain', 'jo@example-.com'],
    ['an underscore in the domain', 'jo@exa_mple.com'],
    ['a slash in an IDN', 'jo@bücher/x.example'],
    ['a percent escape in an IDN', 'jo@bücher%2fx.example'],
    ['an unclosed quote', '"jo@example.com'],
    ['an unclosed quote in the name', 'Jo "D <jo@example.com>'],
    ['an unclosed bracket', 'Jo <jo@example.com'],
    ['a lone closing bracket', 'jo@example.com>'],
    ['two pairs of brackets', '<a@example.com> <b@example.com>'],
    ['nested brackets', '<<a@example.com>>'],
    ['text after the address', 'Jo <jo@example.com> x'],
    ['a source route', '<@a.example:jo@example.com>'],
    ['a source route of two', '<@a.example,@b.example:jo@example.com>'],
    ['a comment before', '(x)jo@example.com'],
    ['a comment within', 'jo(x)@example.com'],
    ['a semicolon', 'a@example.com; b@example.com'],
    ['an @ in a bare name', 'a@gmail.com <b@example.com>'],
    ['a bare IPv4', 'jo@192.0.2.1'],
    ['a hexadecimal IPv4', 'jo@0x7f.1'],
    ['a full-width IPv4', 'jo@１２７．０．０．１'],
    ['a bad literal', 'jo@[999.0.0.1]'],
    ['a scoped literal', 'jo@[IPv6:fe80::1%eth0]'],
    ['text as a literal', 'jo@[example.com]'],
    ['a full-width @', 'a＠gmail.com'],
    ['a full-width @ before another', 'a＠gmail.com@example.com'],
    ['a zero-width character', 'j\u200bo@example.com'],
    ['a no-break space', 'j\u00a0o@example.com'],
    ['a direction override', 'j\u202eo@example.com'],
    ['CR', 'jo@example.com\rBcc: x@y.z'],
    ['LF', 'Jo\n <jo@example.com>'],
    ['NUL', 'jo\0@example.com'],
    ['DEL', 'j\u007fo@example.com'],
    ['a C1 control', 'j\u0085o@example.com'],
    ['a lone surrogate', 'j\ud83do@example.com'],
    ['a quoted local part with nothing in it', '""@example.com'],
    ['a quote that goes on', '"a"b@example.com'],
    ['a quote in the middle', 'a"b"@example.com'],
    ['a bracket that hides a quote', 'x [ " ] <jo@example.com>'],
    ['a bracket that hides a comma', 'x@[ , ]'],
    ['a bracket that hides brackets', 'x@[<a@b.c>] <jo@example.com>'],
  ])('refuses %s', (_, input) => {
    refused(input);
  });

  it('keeps to the lengths of RFC 5321 §4.5.3.1', () => {
    const local = 'a'.repeat(64);
    expect(read(`${local}@example.com`)).toHaveLength(1);
    expect(refused(`${local}a@example.com`)).toContain('64 octets');
    expect(refused(`${'é'.repeat(33)}@example.com`)).toContain('64 octets');
    const label = 'a'.repeat(63);
    expect(read(`a@${label}.com`)).toHaveLength(1);
    refused(`a@${label}a.com`);
    const domain = [label, label, label].join('.'); // 191
    expect(read(`a@${domain}.${'b'.repeat(60)}`)).toHaveLength(1); // 254 in all
    expect(refused(`a@${domain}.${'b'.repeat(61)}`)).toContain('254 in all');
    expect(refused(`a@${'ü.'.repeat(100_000)}com`)).toContain('254 in all');
  });
});

describe('lists', () => {
  it('splits at commas outside quotes and ignores empty places', () => {
    expect(read('a@x.y, "B, C" <d@x.y>,, "e,f"@x.y ,')).toEqual([
      { address: 'a@x.y' },
      { name: 'B, C', address: 'd@x.y' },
      { address: '"e,f"@x.y' },
    ]);
    expect(parseAddressList('')).toEqual({ addresses: [], faults: [] });
  });

  it('reads the good ones and names every bad one', () => {
    const { addresses, faults } = parseAddressList('a@x.y, b, c@x.y, (d)e@x.y');
    expect(addresses.map(({ address }) => address)).toEqual(['a@x.y', 'c@x.y']);
    expect(faults.map(({ problem }) => problem)).toEqual([
      expect.stringContaining('"b"'),
      expect.stringContaining('"(d)e@x.y"'),
    ]);
  });

  it('says what to do about a group', () => {
    expect(refused('Team: a@x.y')).toContain('List the addresses themselves');
    expect(refused('undisclosed-recipients:;')).toContain('is a group');
  });

  it('says what to do about a comment', () => {
    expect(refused('Jo (Sales) <jo@x.y>')).toContain('double quotes');
  });
});

describe('hostile lists', () => {
  it('"a@gmail.com x"@internal.domain never reaches gmail.com (GHSA-mm7p-fcc7-pg87)', () => {
    for (const to of [
      '"a@gmail.com x"@internal.domain',
      '"a@gmail.com x"@internal.domain <b@example.com>',
      '"x<a@gmail.com>"@internal.domain',
      '"a@gmail.com"@internal.domain',
      '"a@gmail.com\\" x"@internal.domain',
    ]) {
      refused(to);
      expect(pathsOf(() => make({ to }))).toEqual(['to']);
      expect(pathsOf(() => make({ to: { address: to } }))).toEqual(['to.address']);
      expect(pathsOf(() => make({ envelope: { from: to, to } }))).toEqual([
        'envelope.from',
        'envelope.to',
      ]);
    }
    expect(read('"a@gmail.com x" <b@internal.domain>')).toEqual([
      { name: 'a@gmail.com x', address: 'b@internal.domain' },
    ]);
  });

  it('"foo@x.net> ORCPT=admin@admin.com"@test.com is no parameter', () => {
    refused('"foo@x.net> ORCPT=admin@admin.com"@test.com');
    refused('"foo> ORCPT=admin"@test.com');
    refused('<"foo@x.net> ORCPT=admin@admin.com"@test.com>');
  });

  it('user@good.com(x)evil.com does not become good.comevil.com', () => {
    expect(refused('user@good.com(x)evil.com')).toContain('comment');
    expect(issuesOf(() => make({ to: { address: 'user@good.com(x)evil.com' } }))[0]).toMatchObject({
      path: 'to.address',
    });
  });

  it('full-width and IDN domains agree in header and envelope', () => {
    const mail = make({ to: ['a@ＥＸＡＭＰＬＥ．com', 'a@Example.Com', 'b@Bücher.example'] });
    expect(mail.to.map(({ address }) => address)).toEqual([
      'a@example.com',
      'a@example.com',
      'b@xn--bcher-kva.example',
    ]);
    expect(mail.envelope.to).toEqual(['a@example.com', 'b@xn--bcher-kva.example']);
  });

  it.each([3_000, 10_000])('groups nested %i deep (GHSA-rcmh-qjqh-p98v)', (depth) => {
    const nested = `${'g:'.repeat(depth)}a@x.y${';'.repeat(depth)}`;
    expect(refused(nested)).toContain('is a group');
    refused('('.repeat(depth) + 'a@x.y' + ')'.repeat(depth));
    refused('<'.repeat(depth) + 'a@x.y' + '>'.repeat(depth));
    refused('a@' + '['.repeat(depth));
    refused('@['.repeat(depth));
    refused('"'.repeat(depth * 2 + 1));
  });

  // Square time would make the ratio of doubled input 4; the bound leaves room for a busy machine.
  it.each([
    ['addresses', (n: number) => 'ann@example.com,'.repeat(n)],
    ['named addresses', (n: number) => '"Doe, Ann" <ann@example.com>, '.repeat(n)],
    ['IDN addresses', (n: number) => 'ann@bücher.example,'.repeat(n)],
    ['faults', (n: number) => 'a b,'.repeat(n)],
    ['open brackets', (n: number) => 'a@['.repeat(n)],
    ['open quotes', (n: number) => 'a"\\"'.repeat(n)],
    ['spaces', (n: number) => `a${'  '.repeat(n)}<`],
    ['angle brackets', (n: number) => '<'.repeat(n * 4)],
  ])('time is linear in the number of %s (GHSA-2x7j-588g-ccc2)', (_, build) => {
    const best = (n: number): number => {
      const input = build(n);
      let min = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 3; i += 1) {
        const start = process.hrtime.bigint();
        parseAddressList(input);
        min = Math.min(min, Number(process.hrtime.bigint() - start));
      }
      return min;
    };
    best(2_000);
    const attempts = Array.from({ length: 3 }, () => best(20_000) / best(5_000));
    // Four times the input: 4 when linear, 16 when square.
    expect(Math.min(...attempts)).toBeLessThan(10);
  });

  it('10k and 20k addresses come out complete', () => {
    for (const n of [10_000, 20_000]) {
      const list = Array.from({ length: n }, (_, i) => `u${i}@example.com`);
      const { addresses, faults } = parseAddressList(list.join(', '));
      expect([addresses.map(({ address }) => address), faults]).toEqual([list, []]);
      // More than the door takes; a mail that was stored may have them.
      const stored = { ...make(), envelope: { from: 'a@example.com', to: list } };
      expect(parseMail(JSON.stringify(stored)).envelope.to).toEqual(list);
    }
  });

  it('characters whose low byte is CR or LF stay whole (CVE-2025-7962)', () => {
    expect(read('瘍瘊 <瘍瘊@瘍.example>')).toEqual([
      { name: '瘍瘊', address: '瘍瘊@xn--2ty.example' },
    ]);
  });
});

describe('properties', () => {
  const pieces = fc.constantFrom(
    ...['a', 'b.c', '@', '@x.y', '<', '>', ',', '"', '\\', '(', ')', '[', ']', ':', ';', ' ', '.'],
    ...['ü', '＠', '瘍', '\u200b', 'jo@example.com', '"x y"@z.w', 'gmail.com', '=?utf-8?q?x?='],
  );
  const text = fc.oneof(
    fc.array(pieces, { maxLength: 12 }).map((list) => list.join('')),
    fc.string({ unit: 'binary', maxLength: 40 }),
  );

  it('whatever comes out reads back as itself and is one address for any other parser', () => {
    fc.assert(
      fc.property(text, (input) => {
        for (const { address } of read(input)) {
          expect(read(address)).toEqual([{ address }]);
          const domain = address.slice(address.lastIndexOf('@') + 1);
          expect(domain).toMatch(/^[a-z0-9.-]+$|^\[(IPv6:)?[0-9a-f.:]+\]$/);
          expect(address.split('@')).toHaveLength(2);
          expect(address).not.toMatch(/[<>\\]/);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('an address that comes out stood in the input, IDN aside', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (list) => {
        const input = list.filter((piece) => !/[^ -~]/.test(piece)).join('');
        for (const { address } of read(input)) {
          const bare = address.replace(/^"(.*)"@/, '$1@');
          expect(input.replace(/["\\]/g, '')).toContain(bare);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
