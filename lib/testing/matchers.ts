import { describeFilter, mismatches, type MailFilter } from './mail-filter.js';
import { OutboxMail } from './outbox-mail.js';
import { MailOutbox } from './outbox.js';

interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

/** What Jest and Vitest both give a matcher. */
interface MatcherContext {
  readonly utils: {
    diff(expected: unknown, received: unknown): string | null | undefined;
    matcherHint(name: string, received?: string, expected?: string): string;
  };
  equals(a: unknown, b: unknown): boolean;
}

/** For your own augmentation: `declare module 'expect' { interface Matchers<R> extends MailMatchers<R> {} }`. */
export interface MailMatchers<R> {
  /** Of an outbox: a mail that meets the filter was sent. */
  toHaveSent(filter: MailFilter): R;
  /** Of an outbox: so many mails were sent. */
  toHaveSentTimes(count: number): R;
  /** Of a mail of the outbox: these fields are as given. What differs is shown line by line. */
  toMatchMail(expected: MailSnapshot): R;
}

/** The fields of a mail that `toMatchMail` compares; those that are given. */
export interface MailSnapshot {
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
  readonly from?: string;
  readonly recipients?: readonly string[];
  readonly links?: readonly string[];
  /** Filenames. */
  readonly attachments?: readonly string[];
}

function snapshotOf(mail: OutboxMail): Required<MailSnapshot> {
  const { subject, text, html, from, recipients, links } = mail;
  const attachments = mail.mail.attachments.map(({ filename }) => filename ?? '');
  return { subject, text, html, from, recipients, links, attachments };
}

/** A runner's diff says that there is none where two long texts differ in what nobody sees. */
function differenceOf(
  utils: MatcherContext['utils'],
  expected: unknown,
  received: unknown,
): string {
  const shown = utils.diff(expected, received) ?? '';
  if (shown !== '' && !/no visual difference/i.test(shown)) return shown;
  return `  expected ${JSON.stringify(expected)}\n  received ${JSON.stringify(received)}`;
}

function need<T>(value: unknown, type: new (...args: never[]) => T, what: string): T {
  if (value instanceof type) return value;
  throw new TypeError(`expect(…) needs ${what}`);
}

/** For `expect.extend(mailMatchers)`. */
export const mailMatchers = {
  toHaveSent(this: MatcherContext, received: unknown, filter: MailFilter): MatcherResult {
    const outbox = need(received, MailOutbox, 'an outbox');
    const found = outbox.sent.filter((mail) => mismatches(mail, filter).length === 0);
    const hint = this.utils.matcherHint('toHaveSent', 'outbox', 'filter');
    return {
      pass: found.length > 0,
      message: () =>
        found.length > 0
          ? `${hint}\n\nExpected no mail with\n${describeFilter(filter)}\nbut there is:\n${found.map((mail) => `  ${mail.toString()}`).join('\n')}`
          : `${hint}\n\nExpected a mail with\n${describeFilter(filter)}\nbut ${outbox.difference(filter)}`,
    };
  },

  toHaveSentTimes(this: MatcherContext, received: unknown, count: number): MatcherResult {
    const { sent } = need(received, MailOutbox, 'an outbox');
    const hint = this.utils.matcherHint('toHaveSentTimes', 'outbox', String(count));
    const lines = sent.map((mail) => `\n  ${mail.toString()}`).join('');
    return {
      pass: sent.length === count,
      message: () => `${hint}\n\nSent: ${sent.length}${lines}`,
    };
  },

  toMatchMail(this: MatcherContext, received: unknown, expected: MailSnapshot): MatcherResult {
    const all = snapshotOf(need(received, OutboxMail, 'a mail of an outbox'));
    const keys = Object.keys(expected) as (keyof MailSnapshot)[];
    const differing = keys.filter((key) => !this.equals(all[key], expected[key]));
    const hint = this.utils.matcherHint('toMatchMail', 'mail', 'expected');
    return {
      pass: differing.length === 0,
      message: () => {
        const parts = differing.map(
          (key) => `${key}:\n${differenceOf(this.utils, expected[key], all[key])}`,
        );
        return `${hint}\n\n${parts.join('\n\n') || 'The mail is as it should not be.'}`;
      },
    };
  },
};
