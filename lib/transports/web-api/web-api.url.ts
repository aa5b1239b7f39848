import { MailConfigurationError } from '../../base/errors.js';
import { OptionReader } from '../../base/option-reader.js';
import { isLoopback } from '../../base/host-names.js';
import { textToNumber } from './own-options.js';
import type { WebApiManifest } from './web-api.manifest.js';

/** Parameters of every provider's URL: what they are read with. */
const COMMON: Readonly<Record<string, (reader: OptionReader, key: string) => unknown>> = {
  connections: textToNumber,
  maxQueued: textToNumber,
  timeoutMs: textToNumber,
  connectMs: textToNumber,
  proxy: (reader, key) => reader.optionalString(key),
};

/**
 * Reads `sendgrid://KEY@host:port?connections=10&timeoutMs=30000&sandbox=true`: what user, password, host and
 * path stand for the manifest says. The scheme is https, or http where the host is this machine. No error
 * quotes the URL: it holds the key. What comes of it is still to be checked by `readWebApiOptions`.
 * @throws MailConfigurationError
 */
export function parseWebApiUrl(
  manifest: WebApiManifest,
  url: URL,
  path = 'transport',
): Record<string, unknown> {
  const { user, password, host, path: folder, form } = manifest.url;
  const expected = `a URL like ${form}?connections=10`;
  const bad = (got: string): MailConfigurationError =>
    new MailConfigurationError(path, expected, got);
  const options: Record<string, unknown> = { type: 'web-api', provider: manifest.name };
  const take = (key: string | undefined, text: string, absent: string, present: string): void => {
    if (key === undefined) {
      if (text !== '') throw bad(present);
      return;
    }
    if (text === '') throw bad(absent);
    options[key] = decode(text, bad);
  };
  if (url.username === '' || url.hostname === '') throw bad('one without a key or a host');
  take(user, url.username, 'one without a key', '');
  take(password, url.password, 'one without a password', 'one with a password beside the key');
  const inside = url.pathname.replace(/^\/|\/$/g, '');
  if (inside.includes('/')) throw bad('one with a longer path');
  take(folder, inside, `one without a path (\`${folder}\`)`, 'one with a path');
  if (url.hash !== '') throw bad('one with a fragment');
  if (host === undefined) {
    options['baseUrl'] = `${isLoopback(url.hostname) ? 'http' : 'https'}://${url.host}`;
  } else {
    options[host] = url.hostname;
  }
  return { ...options, ...readParameters(manifest, url, path, bad) };
}

function readParameters(
  { options }: WebApiManifest,
  url: URL,
  path: string,
  bad: (got: string) => MailConfigurationError,
): Record<string, unknown> {
  const readers = { ...COMMON };
  for (const [key, { fromText }] of Object.entries(options)) if (fromText) readers[key] = fromText;
  const values: Record<string, string> = {};
  for (const [name, value] of url.searchParams) {
    if (Object.hasOwn(values, name)) throw bad(`one with \`${name}\` twice`);
    values[name] = value;
  }
  // Refuses unknown names with a suggestion; the values are checked with all other options.
  const known = new OptionReader(path, values, Object.keys(readers));
  const read: Record<string, unknown> = {};
  for (const [key, reader] of Object.entries(readers)) {
    if (Object.hasOwn(values, key)) read[key] = reader(known, key);
  }
  return read;
}

function decode(text: string, bad: (got: string) => MailConfigurationError): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad('one whose key is not percent-encoded properly');
  }
}
