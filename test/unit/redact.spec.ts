import { describe, expect, it } from '@jest/globals';
import fc from '../fixtures/fast-check.js';
import { redactor } from '../../lib/base/redact.js';
import { redacted } from '../../lib/transports/smtp/session/credentials.js';
import { PostmarkProvider } from '../../lib/transports/web-api/postmark/postmark.provider.js';
import { SendGridProvider } from '../../lib/transports/web-api/sendgrid/sendgrid.provider.js';

type Redact = (text: string) => string;

const baseUrl = new URL('https://api.example.com');

/** Every redactor of the package, of one secret. */
const redactors: Record<string, (secret: string) => Redact> = {
  base: (secret) => redactor([secret], '[secret]'),
  smtp: (secret) => redacted('user', [secret]),
  sendgrid: (apiKey) => {
    const provider = new SendGridProvider({ apiKey, baseUrl });
    return (text) => provider.redact(text);
  },
  postmark: (apiKey) => {
    const provider = new PostmarkProvider({ apiKey, baseUrl });
    return (text) => provider.redact(text);
  },
};

const spellings: Record<string, (text: string) => string> = {
  padded: (text) => Buffer.from(text).toString('base64'),
  unpadded: (text) => Buffer.from(text).toString('base64').replace(/=+$/, ''),
  base64url: (text) => Buffer.from(text).toString('base64url'),
};

/** Longest run of the coded text that is left; what is not marked. */
function left(coded: string, said: string): number {
  let longest = 0;
  for (let from = 0; from < coded.length; from += 1) {
    let to = from + longest + 1;
    while (to <= coded.length && said.includes(coded.slice(from, to))) {
      longest = to - from;
      to += 1;
    }
  }
  return longest;
}

const secret = fc.string({ unit: 'grapheme', minLength: 8, maxLength: 40 }).map((s) => `p/+?${s}`);

describe.each(Object.entries(redactors))('%s', (_, redactorOf) => {
  it('takes a secret out in every base64, whatever stands around it', () => {
    const around = fc.string({ maxLength: 5 });
    const spelling = fc.constantFrom(...Object.keys(spellings));
    fc.assert(
      fc.property(secret, around, around, spelling, (given, before, after, name) => {
        const key = Buffer.from(given).toString();
        const alone = spellings[name]!(key);
        expect(redactorOf(key)(`535 what is (${alone})?`)).toMatch(/^535 what is \(\[.*\]\)\?$/);
        const coded = spellings[name]!(before + key + after);
        // What is left at the edges is of the text around it, and at most one character shares bits with the secret.
        const bits = Math.max(Buffer.byteLength(before), Buffer.byteLength(after)) * 8;
        expect(left(coded, redactorOf(key)(coded))).toBeLessThanOrEqual(Math.ceil(bits / 6) + 3);
      }),
      { numRuns: 300 },
    );
  });

  it('takes it out as it is, in JSON and in a URL', () => {
    const key = 'a"b\\c/d e+fü';
    const redact = redactorOf(key);
    const percent = encodeURIComponent(key);
    for (const form of [
      key,
      JSON.stringify(key).slice(1, -1),
      percent,
      percent.replace(/%../g, (octet) => octet.toLowerCase()),
    ]) {
      expect(redact(`<${form}>`)).toMatch(/^<\[[^\]]*\]>$/);
    }
  });
});

describe('smtp', () => {
  it('takes out the answers to AUTH, padded and not', () => {
    for (const secret of ['sesame', 'abc', 'open', 'x']) {
      const redact = redacted('user', [secret]);
      for (const text of [
        secret,
        `\0user\0${secret}`,
        `user=user\x01auth=Bearer ${secret}\x01\x01`,
      ]) {
        const coded = Buffer.from(text).toString('base64');
        for (const form of [coded, coded.replace(/=+$/, '')].filter((one) => one.length > 3)) {
          expect(redact(`535 '${form}' user`)).toBe("535 '[secret]' user");
        }
      }
      expect(redact(`535 ${secret}: user`)).toBe('535 [secret]: user');
    }
  });

  it('leaves words alone that hold a secret which is no more than a letter or two', () => {
    expect(redacted('user', ['is'])('535 this is wrong')).toBe('535 this [secret] wrong');
    expect(redacted('user', ['.'])('5.7.8 .')).toBe('5.7.8 [secret]');
  });
});
