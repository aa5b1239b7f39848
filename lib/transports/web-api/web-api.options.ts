import { isLoopback } from '../../base/host-names.js';
import { OptionReader } from '../../base/option-reader.js';
import { suggest } from '../../base/suggest.js';
import { Providers } from './providers.js';
import { readProxy, type Proxy } from './proxy-options.js';
import type { MailProviderTransports, WebApiManifest } from './web-api.manifest.js';
import type { WebApiBulk, WebApiProvider } from './web-api.provider.js';

export interface WebApiTlsOptions {
  /** Certificate authorities (PEM) to trust in place of Node's, such as that of a firewall which reads TLS. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
}

/** What a transport over any provider's HTTP API takes. */
export interface WebApiCommonOptions {
  readonly type?: 'web-api';
  /**
   * Where the API is. `https:`, or `http:` on this machine only. A path is put before the API's own.
   * Default: the provider's.
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
}

type Named = {
  readonly [Name in keyof MailProviderTransports]: WebApiCommonOptions &
    MailProviderTransports[Name] & {
      /** The provider by its name, or an object of the WebApiProvider contract, which brings its own key and origin. */
      readonly provider: Name;
    };
}[keyof MailProviderTransports];

/** A provider's own object brings its key and origin. */
interface Foreign extends Omit<WebApiCommonOptions, 'baseUrl'> {
  readonly provider: WebApiProvider;
}

/** A transport over a provider's HTTP API: what any takes, and what only that provider knows. */
export type WebApiTransportOptions = Named | Foreign;

/** The provider's code, or where it comes from; what can be told of it without. */
export interface ProviderSource {
  readonly name: string;
  readonly origin: string;
  readonly bulkSize?: number;
  readonly load: () => Promise<WebApiProvider>;
}

export interface ResolvedWebApiOptions {
  readonly source: ProviderSource;
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
} as const;

const MAX_TIMEOUT_MS = 600_000;
const COMMON = [
  'type',
  'provider',
  'baseUrl',
  'connections',
  'maxQueued',
  'timeoutMs',
  'connectMs',
  'proxy',
  'tls',
];
const BULK_METHODS = ['check', 'request', 'response'] as const;
const METHODS = ['request', 'response', 'verifyRequest', 'verifyResponse', 'redact'] as const;

/** @throws MailConfigurationError */
export function readWebApiOptions(
  raw: unknown,
  path: string,
  providers = new Providers(),
): ResolvedWebApiOptions {
  // The provider first: it says which other options there are.
  const chosen = chooseProvider(new OptionReader(path, raw, Object.keys(raw ?? {})), providers);
  const own = 'load' in chosen ? Object.keys(chosen.options) : [];
  const reader = new OptionReader(path, raw, [...COMMON, ...own]);
  reader.oneOf('type', ['web-api'], 'web-api');
  const { connections, maxQueued, timeoutMs, connectMs } = WEB_API_DEFAULTS;
  const source = 'load' in chosen ? sourceOf(chosen, reader) : sourceOfObject(chosen, reader);
  const whole = reader.integer('timeoutMs', timeoutMs, { min: 100, max: MAX_TIMEOUT_MS });
  const proxy = readProxy(reader);
  const ca = reader.nested('tls', ['ca']).authorities('ca');
  return {
    source,
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

/** Checks every option of the provider's own now; its code comes later. */
function sourceOf(manifest: WebApiManifest, reader: OptionReader): ProviderSource {
  const own: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(manifest.options)) {
    const value = option.read(reader, key);
    if (value !== undefined) own[key] = value;
  }
  const baseUrl = readBaseUrl(reader, manifest.hostFor?.(own) ?? manifest.host);
  const { name, bulkSize } = manifest;
  return {
    name,
    origin: baseUrl.origin,
    ...(bulkSize !== undefined && { bulkSize }),
    load: async () => {
      const provider = (await manifest.load()).create({ ...own, baseUrl });
      if (provider.bulk?.size === bulkSize) return provider;
      throw new Error(`its \`bulk.size\` is not the manifest's \`bulkSize\``);
    },
  };
}

function chooseProvider(
  reader: OptionReader,
  providers: Providers,
): WebApiManifest | WebApiProvider {
  const raw = reader.raw('provider');
  const manifest = providers.named(raw);
  if (manifest) return manifest;
  if (typeof raw === 'object' && raw !== null) return checkProvider(raw, reader);
  const known = providers.all.map(({ name }) => name);
  const near = typeof raw === 'string' ? suggest(raw, known) : undefined;
  return reader.fail(
    'provider',
    near === undefined
      ? `${providers.names} or an object of the WebApiProvider contract`
      : `spelled '${near}'`,
  );
}

function sourceOfObject(provider: WebApiProvider, reader: OptionReader): ProviderSource {
  if (reader.raw('baseUrl') !== undefined) {
    reader.fail('baseUrl', 'absent beside a provider object, which has an `origin`');
  }
  const { name, origin, bulk } = provider;
  return {
    name,
    origin,
    ...(bulk && { bulkSize: bulk.size }),
    load: () => Promise.resolve(provider),
  };
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

function readBaseUrl(reader: OptionReader, host: string): URL {
  const text = reader.string('baseUrl', `https://${host}`);
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
