import type { Clock } from '../base/clock.js';
import { MailConfigurationError } from '../base/errors.js';
import { describe } from '../base/option-reader.js';
import { MemoryTransport, type MemoryTransportOptions } from './memory/memory.transport.js';
import { readPorts, securityOn, type SmtpPorts } from './route/ports/ports.options.js';
import { PortsTransport } from './route/ports/ports.transport.js';
import {
  readRouteOptions,
  type MadeTransport,
  type RouteTransportOptions,
  type Security,
} from './route/route.options.js';
import { RouteTransport } from './route/route.transport.js';
import { isRouteUrl, parseRouteUrl } from './route/route.url.js';
import { isLoopback } from '../base/host-names.js';
import { parseSmtpUrl } from './smtp/options/smtp.url.js';
import { SmtpTransport } from './smtp/smtp.transport.js';
import { readSmtpOptions, type SmtpTransportOptions } from './smtp/options/smtp.options.js';
import type { MailTransport } from './transport.js';
import { Providers } from './web-api/providers.js';
import type { WebApiManifest } from './web-api/web-api.manifest.js';
import { WebApiTransport } from './web-api/web-api.transport.js';
import { parseWebApiUrl } from './web-api/web-api.url.js';
import type { WebApiTransportOptions } from './web-api/web-api.options.js';

export interface SmtpTransportConfig extends SmtpTransportOptions {
  readonly type: 'smtp';
  /**
   * Find out which port is open, and remember it: `'probe'` tries 587, 2525, 465 and 25, an array its
   * own. Every port is as secure as the options ask. Default: in a route `'probe'` where neither `port`
   * nor `secure` is given, else no probing.
   */
  readonly ports?: SmtpPorts;
}

export type { WebApiManifest };

/**
 * How a transport is given: as options with a `type`, as a URL (`smtp://user:pass@host:587`, `smtps://…`,
 * `sendgrid://KEY@api.sendgrid.com`, `postmark://TOKEN@api.postmarkapp.com`, `memory:`,
 * `failover:(smtp://… sendgrid://…)`), or as an object of the MailTransport contract.
 */
export type MailTransportConfig =
  | SmtpTransportConfig
  | (WebApiTransportOptions & { readonly type: 'web-api' })
  | (MemoryTransportOptions & { readonly type: 'memory' })
  | MailRouteOptions
  | MailTransport
  | string;

export interface MailRouteOptions extends RouteTransportOptions<MailTransportConfig> {
  readonly type: 'route';
}

const schemesOf = ({ schemes }: Providers): string =>
  `smtp://, smtps://, ${schemes}, memory:, failover:(…), fastest:(…) or round-robin:(…)`;
const METHODS = ['deliver', 'verify', 'close', 'destroy'] as const;

/**
 * A route must not keep a mail for long on a transport that is blocked, while another would take it. In
 * milliseconds; `timeouts` of the user's own go before.
 */
const ROUTE_TIMEOUTS = { dnsMs: 2_000, connectMs: 2_000, greetingMs: 5_000 } as const;

/** Ports are looked for at the same time for so long, in milliseconds. */
const PROBE_MS = 2_000;

export interface CreateTransportOptions {
  /** Web API providers of one's own, beside ours. Default: none. */
  readonly providers?: readonly WebApiManifest[];
}

/** What a test puts in place of. */
export interface TransportDoubles {
  /** Time for routes. Default: the system's. */
  readonly clock?: Clock;
  /** Makes what stands in for a single transport; the transport itself is made, and so checked, and left. */
  readonly transport?: (name: string) => MailTransport;
}

/**
 * Makes a transport from its configuration, without any I/O.
 * @throws MailConfigurationError that names the option by its path, what was expected and what was got.
 */
export function createTransport(
  config: unknown,
  { providers, ...doubles }: CreateTransportOptions & TransportDoubles = {},
): MailTransport {
  const making = { ...doubles, providers: new Providers(providers), inRoute: false };
  return makeTransport(config, 'transport', making).transport;
}

interface Making extends TransportDoubles {
  readonly providers: Providers;
  readonly inRoute: boolean;
  /** What a route calls the transport. */
  readonly name?: string;
}

function makeTransport(config: unknown, path: string, making: Making): MadeTransport {
  const made = makeReal(config, path, making);
  const { transport, name = made.transport.name } = making;
  return !transport || made.transport.transports ? made : { ...made, transport: transport(name) };
}

function makeReal(config: unknown, path: string, making: Making): MadeTransport {
  if (typeof config === 'string') return fromUrl(config, path, making);
  if (typeof config !== 'object' || config === null) {
    throw new MailConfigurationError(path, 'an object or a URL', describe(config));
  }
  if ('deliver' in config) return trusted(checkCustom(config, path));
  const type = 'type' in config ? config.type : undefined;
  switch (type) {
    case 'smtp':
      return makeSmtp(config as SmtpTransportConfig, path, making.inRoute);
    case 'web-api':
      return makeWebApi(config, path, making);
    case 'memory':
      return trusted(new MemoryTransport(config, path));
    case 'route':
      return makeRoute(config, path, making);
    default:
      throw new MailConfigurationError(
        `${path}.type`,
        "one of 'smtp', 'web-api', 'memory', 'route'",
        typeof type === 'string' ? `'${type.slice(0, 40)}'` : describe(type),
      );
  }
}

/** No error from here may quote the URL: it holds the password. */
function fromUrl(text: string, path: string, making: Making): MadeTransport {
  if (isRouteUrl(text)) return makeRoute(parseRouteUrl(text, path), path, making);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    const expected = `a URL (${schemesOf(making.providers)})`;
    throw new MailConfigurationError(path, expected, 'a string that is no URL');
  }
  switch (url.protocol) {
    case 'smtp:':
    case 'smtps:': {
      const ports = takePorts(url);
      return makeSmtp({ type: 'smtp', ...parseSmtpUrl(url, path), ...ports }, path, making.inRoute);
    }
    case 'memory:':
      return trusted(new MemoryTransport({}, path));
    default: {
      const manifest = making.providers.named(url.protocol.slice(0, -1));
      if (manifest) return makeWebApi(parseWebApiUrl(manifest, url, path), path, making);
      const expected = `a URL with ${schemesOf(making.providers)}`;
      throw new MailConfigurationError(path, expected, `the scheme ${url.protocol}`);
    }
  }
}

/** Takes `ports=probe` or `ports=587,2525` out of a URL: no option of one SMTP transport stands for it. */
function takePorts({ searchParams }: URL): { ports?: SmtpPorts } {
  const text = searchParams.get('ports');
  searchParams.delete('ports');
  if (text === null) return {};
  return { ports: text === 'probe' ? text : text.split(',').map(Number) };
}

function makeRoute(config: unknown, path: string, making: Making): MadeTransport {
  const make = (transport: unknown, at: string, name?: string) =>
    makeTransport(transport, at, { ...making, inRoute: true, name });
  const { parts, ...level } = readRouteOptions(config, path, make);
  return { transport: new RouteTransport(parts, making.clock), ...level };
}

function makeSmtp(given: SmtpTransportConfig, path: string, inRoute: boolean): MadeTransport {
  const { ports: wanted, ...asked } = given;
  const { secure, requireTLS, port, lmtp } = asked;
  const { timeouts } = readSmtpOptions(path, asked);
  const options: SmtpTransportOptions = inRoute
    ? { ...asked, timeouts: { ...ROUTE_TIMEOUTS, ...asked.timeouts } }
    : asked;
  if (wanted !== undefined && port !== undefined) {
    throw new MailConfigurationError(`${path}.ports`, 'absent beside `port`', 'both');
  }
  // LMTP has a port of its own, none of mail's.
  const unsaid = inRoute && port === undefined && secure === undefined && lmtp !== true;
  const probed = wanted ?? (unsaid ? 'probe' : undefined);
  if (probed === undefined) {
    return { transport: new SmtpTransport(options, path), security: securityOf(options, path) };
  }
  const ports = readPorts(`${path}.ports`, probed);
  const on = (one: number): SmtpTransportOptions => ({
    ...options,
    port: one,
    ...securityOn(one, { secure, requireTLS }),
  });
  const { host, localAddress } = readSmtpOptions(path, options);
  const transport = new PortsTransport({
    host,
    ports,
    localAddress,
    timeoutMs: Math.min(PROBE_MS, timeouts.connectMs),
    make: (one) => new SmtpTransport(on(one), path),
  });
  const levels = ports.map((one) => securityOf(on(one), path));
  return { transport, security: SECURITIES.find((level) => levels.includes(level)) ?? 'plain' };
}

/** From the least. */
const SECURITIES: readonly Security[] = ['plain', 'unverified', 'verified'];

function securityOf(options: SmtpTransportOptions, path: string): Security {
  const { host, secure, requireTLS, tls } = readSmtpOptions(path, options);
  if (isLoopback(host)) return 'verified';
  if (!secure && !requireTLS) return 'plain';
  return tls.rejectUnauthorized === false ? 'unverified' : 'verified';
}

/** HTTPS, or on this machine. */
function makeWebApi(given: object, path: string, { inRoute, providers }: Making): MadeTransport {
  const { connectMs } = ROUTE_TIMEOUTS;
  const options = (inRoute ? { connectMs, ...given } : given) as WebApiTransportOptions;
  return trusted(new WebApiTransport(options, path, providers));
}

/** A transport of the user's own vouches for itself. */
function trusted(transport: MailTransport): MadeTransport {
  return { transport, security: 'verified' };
}

function checkCustom(config: object, path: string): MailTransport {
  const candidate = config as Partial<Record<string, unknown>>;
  if (typeof candidate['name'] !== 'string' || candidate['name'] === '') {
    throw new MailConfigurationError(
      `${path}.name`,
      'a non-empty string',
      describe(candidate['name']),
    );
  }
  for (const method of METHODS) {
    if (typeof candidate[method] === 'function') continue;
    throw new MailConfigurationError(`${path}.${method}`, 'a method', describe(candidate[method]));
  }
  checkCapacity(candidate['capacity'], path);
  checkBulk(candidate['bulk'], path);
  return config as MailTransport;
}

/** Of 0 or NaN mails at once a worker would lease none, and never say why. */
function checkCapacity(capacity: unknown, path: string): void {
  if (capacity === undefined || (typeof capacity === 'number' && capacity >= 1)) return;
  throw new MailConfigurationError(`${path}.capacity`, 'absent, or at least 1', describe(capacity));
}

/** The better way for many is a transport's own choice; half of one would only fail when it is used. */
function checkBulk(bulk: unknown, path: string): void {
  if (bulk === undefined) return;
  const { size, deliver } = (bulk ?? {}) as Partial<Record<string, unknown>>;
  if (typeof deliver === 'function' && Number.isInteger(size) && Number(size) >= 1) return;
  throw new MailConfigurationError(`${path}.bulk`, 'absent, or { size, deliver }', describe(bulk));
}
