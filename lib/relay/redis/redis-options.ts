import { MailConfigurationError } from '../../base/errors.js';
import type { OptionReader } from '../../base/option-reader.js';

/** Options of ioredis: `host`, `port`, `username`, `password`, `db`, `tls`, `sentinels` … */
export type RedisOptions = Readonly<Record<string, unknown>>;

/** What `BullModule.forRoot` was given, as far as it says where Redis is. */
export interface SharedRedisConfig {
  readonly url?: string;
  readonly redis?: unknown;
  readonly createClient?: unknown;
}

const EXPECTED = "a URL `redis://` or `rediss://`, or an object of ioredis's options";
const ENCODED =
  'a URL whose user and password are percent-encoded (`%` is %25, `#` is %23, `/` is %2F, `?` is %3F, `@` is %40)';

/** Bull's own default waits up to 20 s between tries. */
const MAX_RECONNECT_MS = 1_000;

function reconnectAfterMs(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 10), MAX_RECONNECT_MS);
}

/** @throws MailConfigurationError */
export function readRedis(reader: OptionReader): RedisOptions | undefined {
  const value = reader.raw('redis');
  if (value === undefined) return undefined;
  if (typeof value !== 'string') return isObject(value) ? value : reader.fail('redis', EXPECTED);
  return readUrl(value, 'relay.redis');
}

/**
 * Bull's own reading of a URL forgets that `rediss` means TLS. The errors say nothing of the text, which
 * may hold a password.
 * @throws MailConfigurationError
 */
function readUrl(text: string, option: string): RedisOptions {
  const fail = (expected: string, got: string): never => {
    throw new MailConfigurationError(option, expected, got);
  };
  if (!/^rediss?:/i.test(text)) return fail(EXPECTED, 'a string that is none');
  // What a password brings along unencoded ends the host, or begins another part.
  if (text.includes('#')) return fail(ENCODED, 'one with `#`');
  const url = URL.canParse(text) ? new URL(text) : fail(ENCODED, 'one that cannot be read');
  const path = /^(?:\/(\d+)?)?$/.exec(url.pathname);
  if (!path)
    return fail(`${EXPECTED}, with a number as its path at most; ${ENCODED}`, 'another path');
  const { family, ...unknown } = Object.fromEntries(url.searchParams);
  const [name] = Object.keys(unknown);
  if (name !== undefined || (family !== undefined && !/^[046]$/.test(family))) {
    return fail(`${ENCODED}, with \`?family=0\`, 4 or 6 behind it at most`, 'other parameters');
  }
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      return fail(ENCODED, 'one with a `%` that encodes nothing');
    }
  };
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: Number(url.port || 6379),
    ...(url.username && { username: decode(url.username) }),
    ...(url.password && { password: decode(url.password) }),
    ...(path[1] && { db: Number(path[1]) }),
    ...(family !== undefined && { family: Number(family) }),
    ...(url.protocol === 'rediss:' && { tls: {} }),
  };
}

/**
 * Options of Bull for the connections of one queue: the user's own, else those that
 * `BullModule.forRoot` shares, with what the promises of this driver rest on.
 */
export function queueConnection(
  own: RedisOptions | undefined,
  shared: SharedRedisConfig | undefined,
): Record<string, unknown> {
  if (!own && typeof shared?.createClient === 'function') return {};
  const from = own ?? {
    ...(shared?.url === undefined ? {} : readUrl(shared.url, 'BullModule.forRoot: url')),
    ...(typeof shared?.redis === 'string'
      ? readUrl(shared.redis, 'BullModule.forRoot: redis')
      : {}),
    ...(isObject(shared?.redis) ? shared.redis : {}),
  };
  return {
    url: undefined,
    createClient: undefined,
    redis: {
      retryStrategy: reconnectAfterMs,
      // So long a process that ends may wait for a connection that is gone already.
      disconnectTimeout: 500,
      ...from,
      // A command whose connection is lost fails at once: it is neither held back for longer than
      // `send` waits, nor written again behind our back.
      maxRetriesPerRequest: 0,
      // Bull refuses to listen with it.
      enableReadyCheck: false,
      // A connection that is lost while ioredis introduces itself is taken for one that is ready, and
      // never made anew.
      disableClientInfo: true,
    },
  };
}

function isObject(value: unknown): value is RedisOptions {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
