import type { Mail, MailAddress } from '../../../message/mail.js';
import { describe, OptionReader } from '../../../base/option-reader.js';
import { encodedValue, headersOf } from '../mail-headers.js';
import { headerLimit } from './sendgrid-headers.js';
import { MAX_PERSONALIZATIONS } from './sendgrid.options.js';
import { readStrings, utf8Size } from './sendgrid-read.js';

export interface Address {
  email: string;
  name?: string;
}

/** One version of the mail in the body, and who gets it. */
export interface Personalization {
  to: Address[];
  cc?: Address[];
  bcc?: Address[];
  from?: Address;
  subject?: string;
  headers?: Record<string, string>;
  substitutions?: Readonly<Record<string, string>>;
  dynamic_template_data?: object;
  custom_args?: Readonly<Record<string, string>>;
  send_at?: number;
}

export const MAX_CUSTOM_ARGS_BYTES = 10_000;
export const MAX_SCHEDULE_MS = 72 * 3600 * 1000;

const KEYS = [
  'to',
  'cc',
  'bcc',
  'from',
  'subject',
  'headers',
  'substitutions',
  'dynamicTemplateData',
  'customArgs',
  'sendAt',
];

export function toAddress({ address: email, name }: MailAddress): Address {
  return name ? { email, name } : { email };
}

/** "Not before this moment": rounded up to SendGrid's seconds, and nothing once it has passed. */
export function toSendAt(iso: string | undefined, now: number): { send_at?: number } {
  const due = iso === undefined ? 0 : Date.parse(iso);
  return due > now ? { send_at: Math.ceil(due / 1000) } : {};
}

/**
 * Reads `personalizations` of the caller's. `variables` reads what fills each one in.
 * @throws MailConfigurationError
 */
export function readPersonalizations(
  reader: OptionReader,
  mail: Mail,
  now: number,
  variables: (item: OptionReader) => Partial<Personalization>,
): readonly Personalization[] | undefined {
  const raw = reader.raw('personalizations');
  if (raw === undefined) return undefined;
  if (!Array.isArray(raw) || raw.length === 0 || raw.length > MAX_PERSONALIZATIONS) {
    return reader.fail('personalizations', `an array of 1 to ${MAX_PERSONALIZATIONS} objects`);
  }
  const open = new Map(
    [...mail.to, ...mail.cc, ...mail.bcc].map((one) => [one.address.toLowerCase(), one]),
  );
  const take = (item: OptionReader, key: 'to' | 'cc' | 'bcc'): Address[] =>
    readAddresses(item, key).map((address) => {
      const found = open.get(address.toLowerCase());
      open.delete(address.toLowerCase());
      return found
        ? toAddress(found)
        : item.fail(key, 'recipients of the mail, each once in all', 'another address');
    });
  const all = raw.map((value: unknown, index) => {
    const item = new OptionReader(reader.pathOf(`personalizations[${index}]`), value, KEYS);
    const to = take(item, 'to');
    if (to.length === 0) item.fail('to', 'an array of at least one address');
    const cc = take(item, 'cc');
    const bcc = take(item, 'bcc');
    const subject = item.optionalString('subject');
    return {
      to,
      ...(cc.length > 0 && { cc }),
      ...(bcc.length > 0 && { bcc }),
      ...readFrom(item),
      ...(subject !== undefined && { subject }),
      ...readHeaders(item, mail),
      ...variables(item),
      ...readCustomArgs(item, mail),
      ...readSendAt(item, now),
    };
  });
  if (open.size > 0) {
    reader.fail('personalizations', 'for every recipient of the mail', `${open.size} left out`);
  }
  return all;
}

function readAddresses(item: OptionReader, key: string): string[] {
  const value = item.raw(key) ?? [];
  const good = (one: unknown): one is string => typeof one === 'string' && one !== '';
  return Array.isArray(value) && value.every(good)
    ? value
    : item.fail(key, 'an array of addresses');
}

function readFrom(item: OptionReader): { from?: Address } {
  const raw = item.raw('from');
  if (raw === undefined) return {};
  const parts: { address?: unknown; name?: unknown } | null =
    typeof raw === 'string' ? { address: raw } : raw;
  const { address: email, name } = parts ?? {};
  const ascii = typeof email === 'string' && /^[!-?A-~]{1,64}@[a-z0-9.-]{1,255}$/i.test(email);
  if (!ascii) return item.fail('from', 'an address, or { name, address }');
  if (name === undefined) return { from: { email } };
  if (typeof name !== 'string' || /[\u0000-\u001f\u007f]/.test(name)) {
    return item.fail('from', 'an address with a name of one line', describe(name));
  }
  return { from: toAddress({ address: email, name }) };
}

/** Over the mail's own: SendGrid does not say that it would merge the two. */
function readHeaders(item: OptionReader, mail: Mail): { headers?: Record<string, string> } {
  const own = readStrings(item, 'headers');
  if (!own) return {};
  const added = Object.entries(own).map(([name, value]) => {
    const encoded = encodedValue(name, value);
    const limit = headerLimit(name, encoded);
    if (limit !== undefined) item.fail('headers', `without \`${name.slice(0, 80)}\``, limit);
    return { name, value: encoded };
  });
  const replaced = new Set(added.map(({ name }) => name.toLowerCase()));
  const kept = headersOf(mail).filter(({ name }) => !replaced.has(name.toLowerCase()));
  const headers = [...kept, ...added].map(({ name, value }) => [name, value]);
  return { headers: Object.fromEntries(headers) as Record<string, string> };
}

function readCustomArgs(
  item: OptionReader,
  mail: Mail,
): { custom_args?: Readonly<Record<string, string>> } {
  const own = readStrings(item, 'customArgs');
  if (!own) return {};
  const custom_args = { ...mail.metadata, ...own };
  if (utf8Size(custom_args) > MAX_CUSTOM_ARGS_BYTES) {
    item.fail('customArgs', `at most ${MAX_CUSTOM_ARGS_BYTES} bytes of JSON`, 'more');
  }
  return { custom_args };
}

function readSendAt(item: OptionReader, now: number): { send_at?: number } {
  const raw = item.raw('sendAt');
  if (raw === undefined) return {};
  const due = typeof raw === 'string' ? Date.parse(raw) : Number.NaN;
  if (!(due <= now + MAX_SCHEDULE_MS)) {
    item.fail('sendAt', 'a moment (a Date or ISO 8601), at most 72 hours ahead');
  }
  return toSendAt(raw as string, now);
}
