import type { OptionReader } from '../../base/option-reader.js';

/** Options of ioredis: `host`, `port`, `username`, `password`, `db`, `tls`, `sentinels` … */
export type BullRedisOptions = Readonly<Record<string, unknown>>;

/** What `BullModule.forRoot` was given, as far as it says where Redis is. */
export interface SharedBullConfig {
  readonly url?: string;
  readonly redis?: unknown;
  readonly createClient?: unknown;
}

const EXPECTED = "a URL `redis://` or `rediss://`, or an object of ioredis's options";

/** Bull's own default waits up to 20 s between tries. */
const MAX_RECONNECT_MS = 1_000;

function reconnectAfterMs(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 10), MAX_RECONNECT_MS);
}

/** @throws MailConfigurationError */
export function readRedis(reader: OptionReader): BullRedisOptions | undefined {
  const value = reader.raw('redis');
  if (value === undefined) return undefined;
  if (typeof value === 'string') {
    return fromUrl(value) ?? reader.fail('redis', EXPECTED, 'a string that is none');
  }
  return isObject(value) ? value : reader.fail('redis', EXPECTED);
}

/** Bull's own reading of a URL forgets that `rediss` means TLS. */
function fromUrl(text: string): BullRedisOptions | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const path = /^(?:\/(\d+)?)?$/.exec(url?.pathname ?? '-');
  if (!url || !path || !['redis:', 'rediss:'].includes(url.protocol) || url.search !== '') {
    return undefined;
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: Number(url.port || 6379),
    ...(url.username && { username: decodeURIComponent(url.username) }),
    ...(url.password && { password: decodeURIComponent(url.password) }),
    ...(path[1] && { db: Number(path[1]) }),
    ...(url.protocol === 'rediss:' && { tls: {} }),
  };
}

/**
 * Options of Bull for the connections of one queue: the user's own, else those that
 * `BullModule.forRoot` shares, with what the promises of this driver rest on.
 */
export function queueConnection(
  own: BullRedisOptions | undefined,
  shared: SharedBullConfig | undefined,
): Record<string, unknown> {
  if (!own && typeof shared?.createClient === 'function') return {};
  const from = own ?? {
    ...(shared?.url === undefined ? {} : fromUrl(shared.url)),
    ...(typeof shared?.redis === 'string' ? fromUrl(shared.redis) : {}),
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

function isObject(value: unknown): value is BullRedisOptions {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
