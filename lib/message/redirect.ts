import { MailConfigurationError } from '../base/errors.js';
import { describe, OptionReader } from '../base/option-reader.js';
import { IssueList } from './read/issues.js';
import type { Mail, MailAddress } from './mail.js';
import { readAddresses } from './read/read-addresses.js';

/** Keeps a staging system from writing to real people. */
export interface MailRedirectOptions {
  /** Who gets mail in place of those who may not: an address, or several. */
  readonly to: string | readonly string[];
  /** Addresses, and domains as `@example.com`, that get their mail themselves. Default: none. */
  readonly allow?: readonly string[];
}

export interface MailRedirect {
  readonly to: readonly MailAddress[];
  readonly allow: ReadonlySet<string>;
}

const MAX_NAMED = 20;
const ALLOWED = /^[^\s,<>]*@[^\s@,<>]+$/;

/** @throws MailConfigurationError */
export function readRedirect(path: string, raw: unknown): MailRedirect {
  const reader = new OptionReader(path, raw, ['to', 'allow']);
  const issues = new IssueList();
  const to = readAddresses(issues, `${path}.to`, reader.raw('to'));
  const { first } = issues;
  if (first) reader.fail('to', 'one or more addresses', `one that ${first.problem}`);
  if (to.length === 0) reader.fail('to', 'one or more addresses');
  const allow = reader.raw('allow') ?? [];
  if (!Array.isArray(allow)) reader.fail('allow', 'an array');
  const allowed = (allow as readonly unknown[]).map((item, index) => {
    if (typeof item === 'string' && ALLOWED.test(item)) return item.toLowerCase();
    const got = typeof item === 'string' ? `'${item}'` : describe(item);
    const expected = 'an address, or a domain as `@example.com`';
    throw new MailConfigurationError(`${reader.pathOf('allow')}[${index}]`, expected, got);
  });
  return { to, allow: new Set(allowed) };
}

/**
 * The mail with everyone who is not allowed replaced, in the headers and in the envelope; who it was
 * for is told in `X-Redirected-From`. Works on addresses after they were parsed, so that no way of
 * writing an address passes for another.
 */
export function redirectMail(mail: Mail, { to: targets, allow }: MailRedirect): Mail {
  const allowed = (address: string): boolean => {
    const lower = address.toLowerCase();
    return allow.has(lower) || allow.has(lower.slice(lower.lastIndexOf('@')));
  };
  const stopped = mail.envelope.to.filter((address) => !allowed(address));
  const fromHeaders = [...mail.to, ...mail.cc, ...mail.bcc].map(({ address }) => address);
  const all = new Set([...stopped, ...fromHeaders.filter((address) => !allowed(address))]);
  if (all.size === 0) return mail;
  const keep = (list: readonly MailAddress[]) => list.filter(({ address }) => allowed(address));
  const known = new Set(keep(mail.to).map(({ address }) => address));
  const to = [...keep(mail.to), ...targets.filter(({ address }) => !known.has(address))];
  const cc = keep(mail.cc);
  const bcc = keep(mail.bcc);
  const envelopeTo = new Set([
    ...mail.envelope.to.filter(allowed),
    ...targets.map(({ address }) => address),
  ]);
  const named = [...all].slice(0, MAX_NAMED).join(', ');
  const more = all.size > MAX_NAMED ? ` and ${all.size - MAX_NAMED} more` : '';
  const header = Object.freeze({ name: 'X-Redirected-From', value: named + more });
  return Object.freeze({
    ...mail,
    to: Object.freeze(to),
    cc: Object.freeze(cc),
    bcc: Object.freeze(bcc),
    headers: Object.freeze([...mail.headers, header]),
    envelope: Object.freeze({ from: mail.envelope.from, to: Object.freeze([...envelopeTo]) }),
  });
}
