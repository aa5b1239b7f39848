import { isLoopback } from '../../base/host-names.js';
import { OptionReader } from '../../base/option-reader.js';
import { PostmarkProvider } from './postmark/postmark.provider.js';
import { readProxy, type Proxy } from './proxy.js';
import { readOnBehalfOf } from './sendgrid/sendgrid-options.js';
import { SendGridProvider } from './sendgrid/sendgrid.provider.js';
import type { WebApiBulk, WebApiProvider } from './web-api.provider.js';

/** A provider that this package knows. */
export type BuiltInProvider = 'sendgrid' | 'postmark';

/** Where each one's API is. */
export const HOSTS: Readonly<Record<BuiltInProvider, string>> = {
  sendgrid: 'api.sendgrid.com',
  postmark: 'api.postmarkapp.com',
};

export interface WebApiTlsOptions {
  /** Certificate authorities (PEM) to trust in place of Node's, such as that of a firewall which reads TLS. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
}

/** A transport over a provider's HTTP API. */
export interface WebApiTransportOptions {
  readonly type?: 'web-api';
  /** A name, or an object of the WebApiProvider contract, which brings its own key and origin. */
  readonly provider: BuiltInProvider | WebApiProvider;
  /** The provider's API key (Postmark: server token). Required with a name, refused with an object. */
  readonly apiKey?: string;
  /**
   * Where the API is. `https:`, or `http:` on this machine only. A path is put before the API's own.
   * Default: the provider's, `https://api.sendgrid.com` or `https://api.postmarkapp.com`; SendGrid's
   * accounts in the EU region use `https://api.eu.sendgrid.com`.
   */
  readonly baseUrl?: string;
  /**
   * Connections at most, each with one request in flight. Fewer are used for a while after a 429 or
   * 5xx: half of them, then one more for every round that goes well. Default 10, minimum 1, maximum
   * 1,000.
   */
  readonly connections?: number;
  /**
   * Mails that may wait for a connection; one more is refused with `MAIL_RATE` (disposition `retry`), so
   * that a provider that hangs does not fill the app's memory. Default 10,000, minimum 0.
   */
  readonly maxQueued?: number;
  /**
   * For one attempt, in milliseconds: connecting, sending and the whole answer. A rate limit is waited
   * out for as long at most. Default 30,000, minimum 100, maximum 600,000.
   */
  readonly timeoutMs?: number;
  /**
   * For one connection, in milliseconds: the host's name, TCP and TLS; `timeoutMs` where that is less.
   * Default 10,000, in a route 2,000; minimum 1, maximum 600,000.
   */
  readonly connectMs?: number;
  /**
   * An HTTP proxy that leads to the API: `http://user:password@proxy.example:3128`, `https://` where the proxy itself
   * speaks TLS; user and password percent-encoded. TLS to the API goes through it unread (CONNECT, RFC 9110 §9.3.6).
   * An `http:` API, which is on this machine, is reached without it. Default: none, whatever the environment says.
   */
  readonly proxy?: string;
  /** TLS to the API and to an `https:` proxy. */
  readonly tls?: WebApiTlsOptions;
  /** SendGrid checks the mail, answers 200 and sends nothing. Default false. */
  readonly sandbox?: boolean;
  /** SendGrid: the subuser, or `account-id …`, to send for (its header `on-behalf-of`). Default: none. */
  readonly onBehalfOf?: string;
}

export interface ResolvedWebApiOptions {
  readonly provider: WebApiProvider;
  readonly connections: number;
  readonly maxQueued: number;
  readonly timeoutMs: number;
  /** No more than `timeoutMs`. */
  readonly connectMs: number;
  readonly proxy?: Proxy;
  readonly ca?: readonly (string | Buffer)[];
}

export const WEB_API_DEFAULTS = {
  connections: 10,
  maxQueued: 10_000,
  timeoutMs: 30_000,
  connectMs: 10_000,
  sandbox: false,
} as const;

const MAX_TIMEOUT_MS = 600_000;
const KEYS = [
  'type',
  'provider',
  'apiKey',
  'baseUrl',
  'connections',
  'maxQueued',
  'timeoutMs',
  'connectMs',
  'proxy',
  'tls',
  'sandbox',
  'onBehalfOf',
];
const BULK_METHODS = ['check', 'request', 'response'] as const;
const METHODS = ['request', 'response', 'verifyRequest', 'verifyResponse', 'redact'] as const;

/** @throws MailConfigurationError */
export function readWebApiOptions(raw: unknown, path: string): ResolvedWebApiOptions {
  const reader = new OptionReader(path, raw, KEYS);
  reader.oneOf('type', ['web-api'], 'web-api');
  const { connections, maxQueued, timeoutMs, connectMs } = WEB_API_DEFAULTS;
  const provider = readProvider(reader);
  const whole = reader.integer('timeoutMs', timeoutMs, { min: 100, max: MAX_TIMEOUT_MS });
  const proxy = readProxy(reader);
  const ca = reader.nested('tls', ['ca']).authorities('ca');
  return {
    provider,
    connections: reader.integer('connections', connections, { min: 1, max: 1000 }),
    maxQueued: reader.integer('maxQueued', maxQueued, { min: 0 }),
    timeoutMs: whole,
    connectMs: Math.min(
      whole,
      reader.integer('connectMs', connectMs, { min: 1, max: MAX_TIMEOUT_MS }),
    ),
    ...(proxy && { proxy }),
    ...(ca && { ca }),
  };
}

function readProvider(reader: OptionReader): WebApiProvider {
  const raw = reader.raw('provider');
  if (raw === 'sendgrid') {
    return new SendGridProvider({
      apiKey: readKey(reader),
      baseUrl: readBaseUrl(reader, raw),
      sandbox: reader.boolean('sandbox', WEB_API_DEFAULTS.sandbox),
      onBehalfOf: readOnBehalfOf(reader),
    });
  }
  if (raw === 'postmark') {
    refuse(reader, ['sandbox', 'onBehalfOf'], 'absent with Postmark');
    return new PostmarkProvider({ apiKey: readKey(reader), baseUrl: readBaseUrl(reader, raw) });
  }
  if (typeof raw !== 'object' || raw === null) {
    reader.fail('provider', "'sendgrid', 'postmark' or an object of the WebApiProvider contract");
  }
  refuse(reader, ['apiKey', 'baseUrl', 'sandbox', 'onBehalfOf'], 'absent beside a provider object');
  return checkProvider(raw, reader);
}

function refuse(reader: OptionReader, keys: readonly string[], expected: string): void {
  for (const key of keys) if (reader.raw(key) !== undefined) reader.fail(key, expected);
}

function checkProvider(raw: object, reader: OptionReader): WebApiProvider {
  const provider = raw as Partial<Record<keyof WebApiProvider, unknown>>;
  if (typeof provider.name !== 'string' || !/^[\w.-]+$/.test(provider.name)) {
    reader.fail('provider', 'an object with a `name` of letters, digits, `-`, `_` and `.`');
  }
  const origin = typeof provider.origin === 'string' ? parseBase(provider.origin) : undefined;
  if (origin?.pathname !== '/') {
    reader.fail('provider', 'an object with an `origin` like https://api.example.com');
  }
  for (const method of METHODS) {
    if (typeof provider[method] !== 'function') {
      reader.fail('provider', `an object with a method \`${method}\``);
    }
  }
  const bulk = (provider as Partial<WebApiProvider>).bulk as
    Partial<Record<keyof WebApiBulk, unknown>> | undefined;
  const whole = BULK_METHODS.every((method) => typeof bulk?.[method] === 'function');
  if (bulk !== undefined && !(whole && Number.isInteger(bulk.size) && Number(bulk.size) >= 1)) {
    reader.fail('provider', 'an object whose `bulk`, if any, has a `size` and every method');
  }
  return raw as WebApiProvider;
}

/** It goes into an HTTP header, so nothing but visible ASCII may be in it. */
function readKey(reader: OptionReader): string {
  const key = reader.string('apiKey');
  if (!/^[!-~]+$/.test(key)) {
    reader.fail(
      'apiKey',
      'an API key without spaces or characters outside ASCII',
      'a string that has some',
    );
  }
  return key;
}

function readBaseUrl(reader: OptionReader, provider: BuiltInProvider): URL {
  const text = reader.string('baseUrl', `https://${HOSTS[provider]}`);
  const url = parseBase(text);
  if (url) return url;
  return reader.fail(
    'baseUrl',
    'an https: URL (http: only for this machine) without user, query and fragment',
    'a string that is none',
  );
}

function parseBase(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || url.username || url.password || url.search || url.hash) return undefined;
  const secure =
    url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
  return secure ? url : undefined;
}
