import { MailConfigurationError } from '../base/errors.js';
import { describe, OptionReader } from '../base/option-reader.js';
import { parseAddrSpec } from './address/addr-spec.js';
import { normalizeDomain } from './address/domain.js';
import { IssueList } from './read/issues.js';
import type { Mail, MailAddress } from './mail.js';
import { readAddresses } from './read/read-addresses.js';
import { fieldTextFault, show } from './text.js';

/**
 * Headers that may write to others past the envelope, or name them: what providers read as orders (SendGrid,
 * SparkPost, Mandrill, Mailgun), and to whom it was sent before (RFC 5322 §3.6.6).
 */
const STOPPED_HEADERS =
  /^(?:x-smtpapi|x-msys-api|x-mc-.*|x-mailgun-.*|resent-.*|apparently-to|x-redirected-from)$/i;

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

/**
 * What is compared: ASCII in lower case, and A-labels. No other folding, since that makes two mailboxes one: the
 * Kelvin sign is no `k` before an @.
 */
function comparable(address: string): string {
  return address.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** An address or `@domain` of the allow-list as it is compared; else what is wrong with it. */
function allowance(item: string): { readonly key: string } | { readonly problem: string } {
  if (item.startsWith('@')) {
    const domain = normalizeDomain(item.slice(1));
    return typeof domain === 'string' ? { key: comparable(`@${domain}`) } : domain;
  }
  const address = fieldTextFault(item) ?? parseAddrSpec(item);
  if (typeof address !== 'string') return address;
  if (!/^[ -~]*$/.test(address)) {
    return { problem: 'has a local part outside ASCII, which servers compare in different ways' };
  }
  return { key: comparable(address) };
}

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
    const found = typeof item === 'string' ? allowance(item) : { problem: '' };
    if ('key' in found) return found.key;
    const got = typeof item === 'string' ? `${show(item)} (${found.problem})` : describe(item);
    const expected = 'an address, or a domain as `@example.com`';
    throw new MailConfigurationError(`${reader.pathOf('allow')}[${index}]`, expected, got);
  });
  return { to, allow: new Set(allowed) };
}

/**
 * The mail with everyone who is not allowed replaced, in the headers and in the envelope. Whom `to` and `cc` named is
 * told in `X-Redirected-From`; blind copies stay blind. Works on addresses after they were parsed, so that no way of
 * writing an address passes for another.
 */
export function redirectMail(mail: Mail, { to: targets, allow }: MailRedirect): Mail {
  const allowed = (address: string): boolean => {
    const key = comparable(address);
    return allow.has(key) || allow.has(key.slice(key.lastIndexOf('@')));
  };
  const stoppedOf = (list: readonly MailAddress[]) =>
    list.flatMap(({ address }) => (allowed(address) ? [] : [address]));
  const named = new Set([...stoppedOf(mail.to), ...stoppedOf(mail.cc)]);
  const blind = stoppedOf(mail.bcc).length > 0 || !mail.envelope.to.every(allowed);
  const headers = mail.headers.filter(({ name }) => !STOPPED_HEADERS.test(name));
  if (named.size === 0 && !blind) {
    return headers.length === mail.headers.length
      ? mail
      : Object.freeze({ ...mail, headers: Object.freeze(headers) });
  }
  const keep = (list: readonly MailAddress[]) => list.filter(({ address }) => allowed(address));
  const [to, cc, bcc] = [keep(mail.to), keep(mail.cc), keep(mail.bcc)];
  // Where only blind copies were stopped, one more name in `To` would tell that there were any.
  const stand = named.size > 0 || mail.to.length + mail.cc.length === 0 ? to : bcc;
  const known = new Set([...to, ...cc, ...bcc].map(({ address }) => address));
  stand.push(...targets.filter(({ address }) => !known.has(address)));
  if (named.size > 0) {
    const first = [...named].slice(0, MAX_NAMED).join(', ');
    const more = named.size > MAX_NAMED ? ` and ${named.size - MAX_NAMED} more` : '';
    headers.push(Object.freeze({ name: 'X-Redirected-From', value: first + more }));
  }
  const envelopeTo = new Set([
    ...mail.envelope.to.filter(allowed),
    ...targets.map(({ address }) => address),
  ]);
  return Object.freeze({
    ...mail,
    to: Object.freeze(to),
    cc: Object.freeze(cc),
    bcc: Object.freeze(bcc),
    headers: Object.freeze(headers),
    envelope: Object.freeze({ from: mail.envelope.from, to: Object.freeze([...envelopeTo]) }),
  });
}
