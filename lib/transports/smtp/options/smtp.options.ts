import { hostname } from 'node:os';
import { OptionReader } from '../../../base/option-reader.js';
import { readDkim, type SmtpDkimOptions } from '../dkim/dkim.options.js';
import { isLoopback, withoutBrackets } from '../../../base/host-names.js';
import { isEhloName, isHost } from './host-names.js';
import {
  AUTH_KEYS,
  readAuth,
  readTls,
  type SmtpAuth,
  type SmtpTlsOptions,
} from './smtp-security.options.js';

export type { SmtpDkimOptions } from '../dkim/dkim.options.js';
export type {
  SmtpAuth,
  SmtpOAuth2Auth,
  SmtpPasswordAuth,
  SmtpTlsOptions,
} from './smtp-security.options.js';

export interface SmtpPoolOptions {
  /**
   * Connections that carry mail at one time. One that is about to be replaced (`maxMessages`) has its
   * successor opened beside it; a server that refuses that one is not asked again for ten minutes.
   * Default 5, minimum 1.
   */
  readonly maxConnections?: number;
  /**
   * Mails over one connection before it is replaced; 0 is no limit. A server that allows fewer shows it, and is given
   * no more from then on (Exim has 1,000 by default, SendGrid 5,000, OpenSMTPD 100). Replacement costs no time.
   * Default 1,000, minimum 0.
   */
  readonly maxMessages?: number;
  /**
   * Mails on the wire of one connection whose reply has not come, where the server offers CHUNKING with
   * PIPELINING. It is also the most that become `unknown` when that connection is lost. More raises the
   * rate over a distance alone: beside the server 25 are as fast as 50, and 100 slower. Default 50,
   * minimum 1. With PIPELINING alone it is 2 at most, without it always 1.
   */
  readonly maxInFlight?: number;
  /** Mails a second over all connections, evenly; 0 is no limit. Default 0, minimum 0. */
  readonly maxPerSecond?: number;
  /** Milliseconds after which an unused connection is closed. Default 30,000, minimum 1. */
  readonly idleTimeoutMs?: number;
  /**
   * Mails that may wait for a connection. Past it `deliver` rejects at once with MAIL_RATE (retry), so
   * that memory stays bounded. Default 10,000, minimum 0.
   */
  readonly maxQueued?: number;
}

/**
 * Absolute deadlines in milliseconds: a server that drips its reply byte by byte does not stretch
 * them. The maxima are the timeouts of RFC 5321 §4.5.3.2. Minimum 1 each.
 */
export interface SmtpTimeoutOptions {
  /** Resolving the host's name. Default 10,000, maximum 60,000. */
  readonly dnsMs?: number;
  /** TCP connect over all addresses of the host, and the handshake of implicit TLS. Default 10,000, maximum 300,000. */
  readonly connectMs?: number;
  /** The server's greeting. Default 30,000, maximum 300,000. */
  readonly greetingMs?: number;
  /** The reply to each of EHLO, STARTTLS with its handshake, AUTH, MAIL, RCPT and RSET; also an access token. Default 60,000, maximum 300,000. */
  readonly commandMs?: number;
  /** The reply to DATA, and every 256 KiB of content. Default 120,000, maximum 180,000. */
  readonly dataMs?: number;
  /**
   * The reply after the content. Past it the outcome is `unknown`, so be patient: RFC 1047.
   * Default 600,000, maximum 600,000.
   */
  readonly replyMs?: number;
}

/** An SMTP server as the next hop. Every option is checked when the transport is built. */
export interface SmtpTransportOptions {
  readonly type?: 'smtp';
  /** Name or IP address. */
  readonly host: string;
  /** Default 465 with `secure`, 24 with `lmtp`, else 587. */
  readonly port?: number;
  /** TLS from the first byte. Default: true on port 465. */
  readonly secure?: boolean;
  /**
   * Refuse to go on without STARTTLS. Default: true when `auth` is given, the host is not a loopback
   * one and `secure` is off, so that credentials never leave in plain text; else false, which still
   * takes STARTTLS where it is offered.
   */
  readonly requireTLS?: boolean;
  /** Stay in plain text even where STARTTLS is offered. Default false. */
  readonly ignoreTLS?: boolean;
  /**
   * The server speaks LMTP (RFC 2033), as one that delivers into mailboxes does: it answers for each
   * recipient what became of the content. Default false.
   */
  readonly lmtp?: boolean;
  readonly auth?: SmtpAuth;
  readonly tls?: SmtpTlsOptions;
  /** What EHLO says: a host name or an address literal. Default: this host's full name, else `[127.0.0.1]`. */
  readonly name?: string;
  /** IP address to connect from; only addresses of the host that are of its family are tried. */
  readonly localAddress?: string;
  /** Use PIPELINING (RFC 2920) where it is offered. Default true. */
  readonly pipelining?: boolean;
  /** Use CHUNKING (RFC 3030) where it is offered together with PIPELINING. Default true. */
  readonly chunking?: boolean;
  readonly pool?: SmtpPoolOptions;
  readonly timeouts?: SmtpTimeoutOptions;
  /** Signs every mail (RFC 6376), in a thread of its own. */
  readonly dkim?: SmtpDkimOptions;
}

export interface ResolvedSmtpOptions {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly requireTLS: boolean;
  readonly ignoreTLS: boolean;
  readonly lmtp: boolean;
  readonly auth?: SmtpAuth;
  readonly tls: SmtpTlsOptions;
  readonly name: string;
  readonly localAddress?: string;
  readonly pipelining: boolean;
  readonly chunking: boolean;
  readonly pool: Required<SmtpPoolOptions>;
  readonly timeouts: Required<SmtpTimeoutOptions>;
  readonly dkim?: SmtpDkimOptions;
}

export const SMTP_DEFAULTS = {
  port: 587,
  securePort: 465,
  lmtpPort: 24,
  lmtp: false,
  pipelining: true,
  chunking: true,
  pool: {
    maxConnections: 5,
    maxMessages: 1_000,
    maxInFlight: 50,
    maxPerSecond: 0,
    idleTimeoutMs: 30_000,
    maxQueued: 10_000,
  },
  timeouts: {
    dnsMs: 10_000,
    connectMs: 10_000,
    greetingMs: 30_000,
    commandMs: 60_000,
    dataMs: 120_000,
    replyMs: 600_000,
  },
} as const;

const TIMEOUT_CEILINGS: Required<SmtpTimeoutOptions> = {
  dnsMs: 60_000,
  connectMs: 300_000,
  greetingMs: 300_000,
  commandMs: 300_000,
  dataMs: 180_000,
  replyMs: 600_000,
};

const KEYS = [
  ...['type', 'host', 'port', 'secure', 'requireTLS', 'ignoreTLS', 'auth', 'tls', 'name'],
  ...['localAddress', 'lmtp', 'pipelining', 'chunking', 'pool', 'timeouts', 'dkim'],
];

/** @throws MailConfigurationError that names the option by its path. */
export function readSmtpOptions(path: string, raw: unknown): ResolvedSmtpOptions {
  const reader = new OptionReader(path, raw, KEYS);
  reader.oneOf('type', ['smtp'], 'smtp');
  const host = withoutBrackets(reader.string('host'));
  if (!isHost(host)) reader.fail('host', 'a host name or an IP address', 'something else');
  const lmtp = reader.boolean('lmtp', SMTP_DEFAULTS.lmtp);
  const { port, secure } = readPort(reader, lmtp);
  const auth =
    reader.raw('auth') === undefined ? undefined : readAuth(reader.nested('auth', AUTH_KEYS));
  return {
    host,
    port,
    secure,
    lmtp,
    ...readTlsPolicy(reader, { exposed: auth !== undefined && !secure && !isLoopback(host) }),
    auth,
    tls: readTls(reader),
    name: readName(reader),
    localAddress: readLocalAddress(reader),
    pipelining: reader.boolean('pipelining', SMTP_DEFAULTS.pipelining),
    chunking: reader.boolean('chunking', SMTP_DEFAULTS.chunking),
    pool: readPool(reader),
    timeouts: readTimeouts(reader),
    dkim: readDkim(reader),
  };
}

function readPort(reader: OptionReader, lmtp: boolean): { port: number; secure: boolean } {
  const { port: submission, securePort, lmtpPort } = SMTP_DEFAULTS;
  const secure = reader.boolean('secure', reader.raw('port') === securePort);
  const port = reader.integer('port', secure ? securePort : lmtp ? lmtpPort : submission, {
    min: 1,
    max: 65_535,
  });
  return { port, secure };
}

function readTlsPolicy(reader: OptionReader, { exposed }: { exposed: boolean }) {
  const ignoreTLS = reader.boolean('ignoreTLS', false);
  const requireTLS = reader.boolean('requireTLS', exposed);
  if (ignoreTLS && requireTLS) {
    const expected = exposed
      ? 'false: `auth` would travel in plain text (to insist, set `requireTLS: false` too)'
      : 'false while `requireTLS` is true';
    reader.fail('ignoreTLS', expected);
  }
  return { ignoreTLS, requireTLS };
}

function readName(reader: OptionReader): string {
  const name = reader.optionalString('name');
  if (name === undefined) {
    const own = hostname();
    return own.includes('.') && isEhloName(own) ? own : '[127.0.0.1]';
  }
  return isEhloName(name)
    ? name
    : reader.fail('name', 'a host name or an address literal such as [192.0.2.1]');
}

function readLocalAddress(reader: OptionReader): string | undefined {
  const address = reader.optionalString('localAddress');
  if (address === undefined || isHost(address, { addressOnly: true })) return address;
  return reader.fail('localAddress', 'an IP address');
}

function readPool(reader: OptionReader): Required<SmtpPoolOptions> {
  const defaults = SMTP_DEFAULTS.pool;
  const pool = reader.nested('pool', Object.keys(defaults));
  return {
    maxConnections: pool.integer('maxConnections', defaults.maxConnections, { min: 1 }),
    maxMessages: pool.integer('maxMessages', defaults.maxMessages, { min: 0 }),
    maxInFlight: pool.integer('maxInFlight', defaults.maxInFlight, { min: 1 }),
    maxPerSecond: pool.integer('maxPerSecond', defaults.maxPerSecond, { min: 0 }),
    idleTimeoutMs: pool.integer('idleTimeoutMs', defaults.idleTimeoutMs, MILLISECONDS),
    maxQueued: pool.integer('maxQueued', defaults.maxQueued, { min: 0 }),
  };
}

/** The longest wait that a Node timer can hold. */
const MILLISECONDS = { min: 1, max: 2_147_483_647 };

function readTimeouts(reader: OptionReader): Required<SmtpTimeoutOptions> {
  const defaults = SMTP_DEFAULTS.timeouts;
  const timeouts = reader.nested('timeouts', Object.keys(defaults));
  const read = (key: keyof SmtpTimeoutOptions) =>
    timeouts.integer(key, defaults[key], { min: 1, max: TIMEOUT_CEILINGS[key] });
  return {
    dnsMs: read('dnsMs'),
    connectMs: read('connectMs'),
    greetingMs: read('greetingMs'),
    commandMs: read('commandMs'),
    dataMs: read('dataMs'),
    replyMs: read('replyMs'),
  };
}
