import { describe, expect, it } from '@jest/globals';
import fc from '../../fixtures/fast-check.js';
import { simpleParser } from 'mailparser';
import { createMail } from '../../../lib/message/create-mail.js';
import type { MailMessage } from '../../../lib/message/message.js';
import { composeMime } from '../../../lib/message/mime/compose.js';
import { decodeWords } from '../../fixtures/decode-words.js';

const minimal: MailMessage = { from: 'a@example.com', to: 'b@example.com', subject: 'S' };

function compose(input: Partial<MailMessage>): Buffer {
  return composeMime(createMail({ ...minimal, ...input })).bytes;
}

/** A field's value as it stands, unfolded (RFC 5322 §2.2.3). */
function field(name: string, input: Partial<MailMessage>): string | undefined {
  const unfolded = compose(input)
    .toString()
    .replace(/\r\n(?=[ \t])/g, '');
  return new RegExp(`^${name}: ?(.*)\r$`, 'm').exec(unfolded)?.[1];
}

describe('addresses', () => {
  it.each([
    ['a bare address', 'jo@example.com', 'jo@example.com'],
    ['a plain name', 'Jo Doe <jo@example.com>', 'Jo Doe <jo@example.com>'],
    ['specials', '"Doe, Jo (X)" <jo@example.com>', '"Doe, Jo (X)" <jo@example.com>'],
    [
      'quotes',
      { name: 'Jo "J" \\ Doe', address: 'jo@example.com' },
      '"Jo \\"J\\" \\\\ Doe" <jo@example.com>',
    ],
    [
      'an address as a name',
      { name: 'ceo@bank.example', address: 'jo@example.com' },
      '"ceo@bank.example" <jo@example.com>',
    ],
    [
      'an encoded word as a name',
      { name: '=?utf-8?Q?ceo?=', address: 'jo@example.com' },
      '=?UTF-8?B?PT91dGYtOD9RP2Nlbz89?= <jo@example.com>',
    ],
    [
      'accents',
      { name: 'Zoë', address: 'jo@example.com' },
      '=?UTF-8?Q?Zo=C3=AB?= <jo@example.com>',
    ],
    [
      'another script',
      { name: 'Иван', address: 'jo@example.com' },
      '=?UTF-8?B?0JjQstCw0L0=?= <jo@example.com>',
    ],
    ['a quoted local part', '"jo doe"@example.com', '<"jo doe"@example.com>'],
    ['an international domain', 'jo@münchen.example', 'jo@xn--mnchen-3ya.example'],
  ])('write %s', (_, to, expected) => {
    expect(field('To', { to })).toBe(expected);
  });

  it('come back from a long list in their order', async () => {
    const to = Array.from({ length: 500 }, (_, i) => ({
      name: i % 2 ? `Żółć ${i}` : `Doe, Jo ${i}`,
      address: `p${i}@example.com`,
    }));
    const parsed = await simpleParser(compose({ to }));
    expect(parsed.to).toMatchObject({ value: to });
  });
});

describe('free text', () => {
  it('stays as it is while it is ASCII', () => {
    const subject = `Re: [a] "b" 100% <c> = ? _ ${'word '.repeat(40)}end`;
    expect(field('Subject', { subject })).toBe(subject);
  });

  it('that looks like an encoded word is encoded, so that it reads as it was written', async () => {
    const subject = 'see =?utf-8?Q?this?= and =?x';
    expect(field('Subject', { subject })).not.toContain('?Q?this?=');
    expect((await simpleParser(compose({ subject }))).subject).toBe(subject);
  });

  it('that is too long for a line and cannot be folded is encoded', async () => {
    const subject = 'x'.repeat(990);
    expect((await simpleParser(compose({ subject }))).subject).toBe(subject);
  });

  it('is split between characters, in words of at most 75, and comes back', () => {
    const text = fc.array(
      fc.constantFrom('a', ' ', 'ж', '漢', '🎉', '\u{10ffff}', '=', '?', '_', '.'),
      {
        minLength: 1,
        maxLength: 200,
      },
    );
    fc.assert(
      fc.property(text, (pieces) => {
        const subject = `é${pieces.join('')}é`;
        const value = field('Subject', { subject })!;
        expect(decodeWords(value)).toBe(subject);
        for (const word of value.split(' ')) {
          expect(word.length).toBeLessThanOrEqual(75);
          expect(word).toMatch(/^=\?UTF-8\?[QB]\?[!-~]+\?=$/);
          expect(decodeWords(word)).not.toContain('\ufffd');
        }
      }),
    );
  });

  it('beside a List URL is encoded without it', () => {
    const value = '<https://example.com/?a=1> (ab\\)melden für), "Größe" <mailto:x@y.example>';
    const written = field('List-Help', { headers: { 'List-Help': value } })!;
    expect(written).toMatch(
      /^<https:\/\/example.com\/\?a=1> \(=\?.*\?=\), =\?.*\?= <mailto:x@y.example>$/,
    );
    expect(decodeWords(written)).toBe(
      '<https://example.com/?a=1> (ab)melden für), Größe <mailto:x@y.example>',
    );
  });

  it('that is empty leaves its field out', () => {
    expect(compose({ subject: '', headers: { 'X-Empty': '' } }).toString()).not.toMatch(
      /^(Subject|X-Empty)/m,
    );
  });
});

describe('filenames', () => {
  const disposition = (filename: string): string | undefined =>
    field('Content-Disposition', { text: 'x', attachments: [{ filename, content: 'x' }] });

  it.each([
    ['a token', 'report.pdf', 'attachment; filename=report.pdf'],
    ['spaces', 'my report.pdf', 'attachment; filename="my report.pdf"'],
    ['specials', "a;b=c'(1).pdf", 'attachment; filename="a;b=c\'(1).pdf"'],
    ['a quote', 'a"b.pdf', "attachment; filename*=UTF-8''a%22b.pdf"],
    ['an accent', 'Größe.pdf', "attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe.pdf"],
    [
      'a long name',
      `${'x'.repeat(61)}.pdf`,
      `attachment; filename*0*=UTF-8''${'x'.repeat(43)}; filename*1*=${'x'.repeat(18)}.pdf`,
    ],
  ])('with %s', (_, filename, expected) => {
    expect(disposition(filename)).toBe(expected);
  });

  it('have a fallback in Content-Type for programs that do not know RFC 2231', () => {
    const attachments = [{ filename: 'Größe.pdf', content: 'x' }];
    const source = compose({ text: 'x', attachments }).toString();
    expect(source).toContain(
      'Content-Type: application/pdf; name="=?UTF-8?Q?Gr=C3=B6=C3=9Fe=2Epdf?="',
    );
  });

  it('come from the type when there is none', () => {
    const attachments = [{ content: 'x' }, { content: 'x', contentType: 'image/png' }];
    const source = compose({ text: 'x', attachments }).toString();
    expect(source).toContain('filename=attachment-1.bin');
    expect(source).toContain('filename=attachment-2.png');
  });

  it('come back, whatever they are', async () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 });
    await fc.assert(
      fc.asyncProperty(name, async (text) => {
        const kept = text.replace(/[\p{C}\s/\\]/gu, '').slice(0, 200);
        const filename = `${kept.replace(/\p{Cs}/gu, '')}.txt`;
        const parsed = await simpleParser(
          compose({ text: 'x', attachments: [{ filename, content: 'x' }] }),
        );
        expect(parsed.attachments[0]?.filename).toBe(filename);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the tree of parts', () => {
  const png = { filename: 'a.png', content: 'x', cid: 'a' };
  const pdf = { filename: 'b.pdf', content: 'x' };
  const icalEvent = { content: 'BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n' };

  it.each<[string, Partial<MailMessage>, string]>([
    ['nothing', {}, 'text/plain'],
    ['text', { text: 'x' }, 'text/plain'],
    ['html', { html: 'x' }, 'text/html'],
    ['text and html', { text: 'x', html: 'x' }, 'multipart/alternative text/plain text/html'],
    ['html and image', { html: 'x', attachments: [png] }, 'multipart/related text/html image/png'],
    ['one file', { attachments: [pdf] }, 'application/pdf'],
    [
      'image without html',
      { text: 'x', attachments: [png] },
      'multipart/mixed text/plain image/png',
    ],
    [
      'everything',
      { text: 'x', html: 'x', amp: 'x', icalEvent, attachments: [png, pdf] },
      'multipart/mixed multipart/alternative text/plain text/x-amp-html ' +
        'multipart/related text/html image/png text/calendar application/pdf application/ics',
    ],
  ])('of %s', (_, input, expected) => {
    const types = [
      ...compose(input)
        .toString()
        .matchAll(/^Content-Type: ([^;\r]+)/gm),
    ];
    expect(types.map(([, type]) => type).join(' ')).toBe(expected);
  });

  it('has boundaries that no body can hold', () => {
    const mail = createMail({ ...minimal, html: 'x', text: 'x' });
    const text = `--=_${mail.id}-1\r\nContent-Type: text/html\r\n\r\nforged\r\n--=_${mail.id}-1--\r\n`;
    const source = composeMime({ ...mail, text }).bytes.toString();
    expect(source.match(/^--=_.*$/gm)).toHaveLength(3);
  });
});
