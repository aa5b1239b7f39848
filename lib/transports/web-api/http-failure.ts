import type { MailErrorCode, MailStage } from '../../base/errors.js';
import { messageOf } from '../../base/reason.js';
import { ProxyRefusal } from './proxy.js';
import type { WebApiFault } from './web-api.provider.js';

/**
 * Why no answer came. `aborted`: by the caller or by destroy(); `timeout`: our deadline; `paused`: the
 * transport waits out a rate limit for longer than we wait; `full`: too many wait here already; `invalid`: no HTTP can carry the request; the
 * rest is the network's.
 */
export type HttpFailureKind =
  | 'dns'
  | 'connect'
  | 'proxy'
  | 'tls'
  | 'timeout'
  | 'lost'
  | 'protocol'
  | 'aborted'
  | 'paused'
  | 'full'
  | 'invalid';

const CONNECT_CODES = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EACCES',
  'EMFILE',
  'ENFILE',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const TLS_CODES =
  /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_|HOSTNAME_MISMATCH|PATH_LENGTH_)|_CERT(?:_|$)|^EPROTO$/;
const TIMEOUT_CODES = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const PROTOCOL_CODES = /^(?:UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_)/;

/** A request without an answer. */
export class HttpFailure extends Error {
  /** A connection was there and the request began to go out. */
  started = false;
  /** The whole request was handed over, so the server may have acted on it. */
  sent = false;

  constructor(
    readonly kind: HttpFailureKind,
    cause?: unknown,
    /** How long the transport stays closed, in milliseconds; only with `paused`. */
    readonly waitMs?: number,
  ) {
    super(kind, { cause });
  }

  static of(error: unknown): HttpFailure {
    return new HttpFailure(kindOf(error), error);
  }
}

function kindOf(error: unknown): HttpFailureKind {
  const { code, name, syscall } = (error ?? {}) as {
    code?: unknown;
    name?: unknown;
    syscall?: unknown;
  };
  if (error instanceof ProxyRefusal) return 'proxy';
  // Its code is not always set.
  if (name === 'HTTPParserError') return 'protocol';
  if (syscall === 'getaddrinfo') return 'dns';
  if (code === 'UND_ERR_INVALID_ARG') return 'invalid';
  if (typeof code !== 'string') return 'lost';
  if (code === 'ENOTFOUND' || code.startsWith('EAI_')) return 'dns';
  if (CONNECT_CODES.has(code)) return 'connect';
  if (TLS_CODES.test(code)) return 'tls';
  if (TIMEOUT_CODES.has(code)) return 'timeout';
  if (PROTOCOL_CODES.test(code)) return 'protocol';
  return 'lost';
}

const WORDS: Record<HttpFailureKind, (transport: string) => string> = {
  dns: (transport) => `The host of ${transport} could not be resolved`,
  connect: (transport) => `No connection to ${transport}`,
  proxy: (transport) => `The proxy opens no connection to ${transport}`,
  tls: (transport) => `No trusted TLS with ${transport}`,
  timeout: (transport) => `${transport} did not answer within the deadline`,
  lost: (transport) => `The connection to ${transport} was lost before its answer`,
  protocol: (transport) => `The answer of ${transport} is not valid HTTP`,
  aborted: (transport) => `The attempt over ${transport} was aborted`,
  invalid: () => 'The provider made a request that HTTP cannot carry',
  full: (transport) => `Too many mails are waiting for ${transport} already (maxQueued)`,
  paused: (transport) => `${transport} asked to slow down, for longer than an attempt waits`,
};

/** What the network says of these tells what to do. */
const TOLD: ReadonlySet<HttpFailureKind> = new Set(['dns', 'connect', 'proxy', 'tls', 'lost']);

/**
 * What a failure means for the mail (RFC 1047): once the whole request went out, it may have been
 * accepted. `harmless` requests change nothing at the provider, so they may always be tried again.
 */
export function failureFault(
  failure: HttpFailure,
  transport: string,
  harmless = false,
): WebApiFault {
  const { kind, sent, cause } = failure;
  const text = WORDS[kind](transport);
  const said = messageOf(cause);
  const after = sent && !harmless ? 'unknown' : 'retry';
  return {
    code: codeOf(failure),
    disposition: kind === 'invalid' ? 'permanent' : after,
    // An abort says nothing about the transport, so it must not feed its breaker.
    fault: kind === 'aborted' || kind === 'invalid' ? 'message' : 'transport',
    stage: stageOf(failure),
    message: TOLD.has(kind) && said ? `${text}: ${said}` : text,
    ...(failure.waitMs === undefined ? {} : { retryAfterMs: failure.waitMs }),
    cause,
  };
}

function codeOf({ kind, started }: HttpFailure): MailErrorCode {
  switch (kind) {
    case 'dns':
      return 'MAIL_DNS';
    case 'connect':
    case 'proxy':
      return 'MAIL_CONNECT';
    case 'tls':
      return 'MAIL_TLS';
    case 'timeout':
      return started ? 'MAIL_TIMEOUT' : 'MAIL_CONNECT';
    case 'lost':
      return started ? 'MAIL_CONNECTION_LOST' : 'MAIL_CONNECT';
    case 'protocol':
      return 'MAIL_PROTOCOL';
    case 'aborted':
      return 'MAIL_ABORTED';
    case 'paused':
    case 'full':
      return 'MAIL_RATE';
    case 'invalid':
      return 'MAIL_UNSUPPORTED';
  }
}

function stageOf({ kind, started, sent }: HttpFailure): MailStage {
  if (kind === 'dns') return 'dns';
  if (kind === 'connect' || kind === 'proxy' || kind === 'tls') return 'connect';
  if (kind === 'paused' || kind === 'full') return 'queue';
  if (kind === 'invalid') return 'request';
  if (sent) return 'response';
  if (started) return 'request';
  return kind === 'aborted' ? 'queue' : 'connect';
}
