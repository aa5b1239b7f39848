import type { MailErrorCode, MailStage } from '../../base/errors.js';
import { wordsOf } from '../../base/reason.js';
import { ProxyRefusal } from './proxy.js';
import type { WebApiFault } from './web-api.provider.js';

/**
 * Why no answer came. `aborted`: by the caller or by destroy(); `timeout`: our deadline; `paused`: the
 * road waits out a rate limit for longer than we wait; `full`: too many wait here already; `invalid`: no HTTP can carry the request; the
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
    /** How long the road stays closed, in milliseconds; only with `paused`. */
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

const WORDS: Record<HttpFailureKind, (road: string) => string> = {
  dns: (road) => `The host of ${road} could not be resolved`,
  connect: (road) => `No connection to ${road}`,
  proxy: (road) => `The proxy opens no connection to ${road}`,
  tls: (road) => `No trusted TLS with ${road}`,
  timeout: (road) => `${road} did not answer within the deadline`,
  lost: (road) => `The connection to ${road} was lost before its answer`,
  protocol: (road) => `The answer of ${road} is not valid HTTP`,
  aborted: (road) => `The attempt over ${road} was aborted`,
  invalid: () => 'The provider made a request that HTTP cannot carry',
  full: (road) => `Too many mails are waiting for ${road} already (maxQueued)`,
  paused: (road) => `${road} asked to slow down, for longer than an attempt waits`,
};

/** What the network says of these tells what to do. */
const TOLD: ReadonlySet<HttpFailureKind> = new Set(['dns', 'connect', 'proxy', 'tls', 'lost']);

/**
 * What a failure means for the mail (RFC 1047): once the whole request went out, it may have been
 * accepted. `harmless` requests change nothing at the provider, so they may always be tried again.
 */
export function failureFault(failure: HttpFailure, road: string, harmless = false): WebApiFault {
  const { kind, sent, cause } = failure;
  const text = WORDS[kind](road);
  const said = wordsOf(cause);
  const after = sent && !harmless ? 'unknown' : 'retry';
  return {
    code: codeOf(failure),
    disposition: kind === 'invalid' ? 'permanent' : after,
    // An abort says nothing about the road, so it must not feed its breaker.
    fault: kind === 'aborted' || kind === 'invalid' ? 'message' : 'road',
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
