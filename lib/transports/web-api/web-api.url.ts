import { MailConfigurationError } from '../../base/errors.js';
import { OptionReader } from '../../base/option-reader.js';
import { isLoopback } from '../../base/host-names.js';
import { HOSTS, type BuiltInProvider, type WebApiTransportOptions } from './web-api.options.js';

const PARAMETERS = [
  'connections',
  'maxQueued',
  'timeoutMs',
  'connectMs',
  'proxy',
  'sandbox',
  'onBehalfOf',
];

/**
 * Reads `sendgrid://KEY@host:port?connections=10&timeoutMs=30000&sandbox=true`, or `postmark://…`. The scheme is https,
 * or http where the host is this machine. No error quotes the URL: it holds the key.
 * @throws MailConfigurationError
 */
export function parseWebApiUrl(
  provider: BuiltInProvider,
  url: URL,
  path = 'transport',
): WebApiTransportOptions {
  const form = `a URL like ${provider}://KEY@${HOSTS[provider]}?connections=10`;
  const bad = (got: string): MailConfigurationError => new MailConfigurationError(path, form, got);
  if (url.username === '' || url.hostname === '') throw bad('one without a key or a host');
  if (url.password !== '') throw bad('one with a password beside the key');
  if (!['', '/'].includes(url.pathname)) throw bad('one with a path');
  if (url.hash !== '') throw bad('one with a fragment');
  const values: Record<string, string> = {};
  for (const [name, value] of url.searchParams) {
    if (Object.hasOwn(values, name)) throw bad(`one with \`${name}\` twice`);
    values[name] = value;
  }
  // Refuses unknown names with a suggestion; the values are checked with all other options.
  const known = new OptionReader(path, values, PARAMETERS);
  return {
    type: 'web-api',
    provider,
    apiKey: decode(url.username, bad),
    baseUrl: `${isLoopback(url.hostname) ? 'http' : 'https'}://${url.host}`,
    ...pick('connections', toNumber(known, 'connections')),
    ...pick('maxQueued', toNumber(known, 'maxQueued')),
    ...pick('timeoutMs', toNumber(known, 'timeoutMs')),
    ...pick('connectMs', toNumber(known, 'connectMs')),
    ...pick('proxy', known.optionalString('proxy')),
    ...pick('sandbox', toBoolean(known, 'sandbox')),
    ...pick('onBehalfOf', known.optionalString('onBehalfOf')),
  };
}

function pick<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, T>);
}

function decode(text: string, bad: (got: string) => MailConfigurationError): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad('one whose key is not percent-encoded properly');
  }
}

function toNumber(reader: OptionReader, key: string): number | undefined {
  const text = reader.raw(key);
  if (text === undefined) return undefined;
  return typeof text === 'string' && /^\d{1,9}$/.test(text)
    ? Number(text)
    : reader.fail(key, 'a whole number');
}

function toBoolean(reader: OptionReader, key: string): boolean | undefined {
  const text = reader.raw(key);
  if (text === undefined) return undefined;
  if (text !== 'true' && text !== 'false') reader.fail(key, 'true or false');
  return text === 'true';
}
