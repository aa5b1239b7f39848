import { MailConfigurationError } from '../../../base/errors.js';
import { suggest } from '../../../base/suggest.js';
import type { SmtpTransportOptions } from './smtp.options.js';

type Kind = 'boolean' | 'integer' | 'string';

/** Query parameters, and the option that each of them sets. */
const PARAMETERS: Readonly<Record<string, readonly [kind: Kind, section: string]>> = {
  requireTLS: ['boolean', ''],
  ignoreTLS: ['boolean', ''],
  name: ['string', ''],
  localAddress: ['string', ''],
  method: ['string', 'auth'],
  rejectUnauthorized: ['boolean', 'tls'],
  servername: ['string', 'tls'],
  lmtp: ['boolean', ''],
  pipelining: ['boolean', ''],
  chunking: ['boolean', ''],
  maxConnections: ['integer', 'pool'],
  maxInFlight: ['integer', 'pool'],
  maxPerSecond: ['integer', 'pool'],
  maxMessages: ['integer', 'pool'],
  idleTimeoutMs: ['integer', 'pool'],
  maxQueued: ['integer', 'pool'],
  dnsMs: ['integer', 'timeouts'],
  connectMs: ['integer', 'timeouts'],
  greetingMs: ['integer', 'timeouts'],
  commandMs: ['integer', 'timeouts'],
  dataMs: ['integer', 'timeouts'],
  replyMs: ['integer', 'timeouts'],
};

/**
 * Reads `smtp://user:pass@host:587?maxConnections=10` and `smtps://…` (TLS from the first byte). User
 * and password are percent-decoded. What it returns is still to be checked by `readSmtpOptions`.
 *
 * @throws MailConfigurationError for what no option stands for; never quotes the URL, which holds the password.
 */
export function parseSmtpUrl(url: URL, path: string): SmtpTransportOptions {
  if (url.hostname === '') throw new MailConfigurationError(path, 'a URL with a host', 'none');
  if ((url.pathname !== '' && url.pathname !== '/') || url.hash !== '') {
    // A `/`, `?` or `#` in a password that is not percent-encoded ends up here.
    const expected = 'a URL without a path or fragment (percent-encode / ? # in the password)';
    throw new MailConfigurationError(path, expected, 'one with it');
  }
  const options: Record<string, unknown> = {
    type: 'smtp',
    host: url.hostname,
  };
  if (url.protocol === 'smtps:') options['secure'] = true;
  if (url.port !== '') options['port'] = Number(url.port);
  if (url.username !== '' || url.password !== '') {
    options['auth'] = {
      user: decode(url.username, `${path}.auth.user`),
      pass: decode(url.password, `${path}.auth.pass`),
    };
  }
  readQuery(url.searchParams, path, options);
  return options as unknown as SmtpTransportOptions;
}

function readQuery(query: URLSearchParams, path: string, options: Record<string, unknown>): void {
  for (const name of new Set(query.keys())) {
    const parameter = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
    if (!parameter) {
      const near = suggest(name, Object.keys(PARAMETERS));
      const known = `absent (known: ${Object.keys(PARAMETERS).join(', ')})`;
      const got = `the unknown parameter \`${name.slice(0, 40)}\``;
      throw new MailConfigurationError(`${path}?`, near ? `spelled \`${near}\`` : known, got);
    }
    const values = query.getAll(name);
    if (values.length > 1)
      throw new MailConfigurationError(`${path}?${name}`, 'given once', 'it twice');
    const [kind, section] = parameter;
    const target =
      section === '' ? options : ((options[section] ??= {}) as Record<string, unknown>);
    target[name] = convert(values[0]!, kind, `${path}?${name}`);
  }
}

function convert(value: string, kind: Kind, option: string): string | number | boolean {
  if (kind === 'string') return value;
  if (kind === 'integer') {
    if (/^\d{1,15}$/.test(value)) return Number(value);
    throw new MailConfigurationError(option, 'an integer', 'something else');
  }
  if (value === 'true' || value === 'false') return value === 'true';
  throw new MailConfigurationError(option, 'true or false', 'something else');
}

function decode(text: string, option: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new MailConfigurationError(option, 'percent-encoded UTF-8', 'a malformed escape');
  }
}
