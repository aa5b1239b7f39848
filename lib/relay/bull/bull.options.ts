import type { ModuleMetadata } from '@nestjs/common';
import { OptionReader } from '../../base/option-reader.js';
import { conceal } from '../../base/secret.js';
import type { RelayAsyncOptions } from '../relay-definition.js';
import {
  readRelayOptions,
  RELAY_OPTION_KEYS,
  type RelayOptions,
  type RelayUserOptions,
} from '../relay.options.js';
import { readRedis, type RedisOptions } from '../redis/redis-options.js';

export interface BullRelayOptions extends RelayUserOptions {
  /**
   * Where Redis is: `redis://user:password@host:6379/0`, `rediss://…`, or an object of ioredis's options.
   * Default: what `BullModule.forRoot` shares, else 127.0.0.1:6379.
   */
  readonly redis?: string | RedisOptions;
  /** What the keys of the queue begin with. Default: what `BullModule.forRoot` shares, else `bull`. */
  readonly prefix?: string;
  /** A lease that is not renewed ends after this many milliseconds. Default 30,000, minimum 1,000. */
  readonly leaseMs?: number;
  /**
   * How often an idle worker looks for mail by itself, in milliseconds; Redis calls it for mail that is
   * due at once. Default 1,000, minimum 10.
   */
  readonly pollIntervalMs?: number;
  /**
   * A mail is set aside as dead (`held`) once this many workers died while they sent it: one that kills
   * every process must not do so for ever. Default 1,000, minimum 1.
   */
  readonly maxStalledCount?: number;
  /** How long an idempotency key is remembered once its mail is sent, in milliseconds. Default 86,400,000 (1 day). */
  readonly idempotencyTtlMs?: number;
  /** `send` rejects after this many milliseconds without Redis. Default 5,000, minimum 1. */
  readonly timeoutMs?: number;
}

/** Choices that shape the module; static also beside `useFactory`. */
export interface BullRelayStatics {
  /** The queue's name. Default `nestjs-mail-relay`, of a named mailer `nestjs-mail-relay-NAME`. */
  readonly queue?: string;
  /** Which configuration of `BullModule.forRoot(configKey, …)` to share. Default: the unnamed one. */
  readonly configKey?: string;
  /**
   * Takes a queue that a module of `imports` registers and exports, with its connections and its prefix,
   * and leaves closing it to that module. Mail lies beside the queue's own jobs, which are left alone and
   * may be processed by the app as ever. Default false.
   */
  readonly existingQueue?: boolean;
  /** Modules that export what `inject` names, or an existing queue. */
  readonly imports?: ModuleMetadata['imports'];
}

/** The same with what it takes to make them. */
export interface BullRelayAsyncOptions
  extends BullRelayStatics, RelayAsyncOptions<BullRelayOptions> {
  readonly imports?: ModuleMetadata['imports'];
}

export interface ResolvedBullOptions {
  readonly redis?: RedisOptions;
  readonly prefix?: string;
  readonly leaseMs: number;
  readonly pollIntervalMs: number;
  readonly maxStalledCount: number;
  readonly idempotencyTtlMs: number;
  readonly timeoutMs: number;
  readonly relay: RelayOptions;
}

export const BULL_DEFAULTS = {
  leaseMs: 30_000,
  pollIntervalMs: 1_000,
  maxStalledCount: 1_000,
  idempotencyTtlMs: 86_400_000,
  timeoutMs: 5_000,
} as const;

const STATICS = ['queue', 'configKey', 'existingQueue', 'imports'] as const;
const ASYNC = [...STATICS, 'inject', 'useFactory'];
const DYNAMIC = ['redis', 'prefix', ...Object.keys(BULL_DEFAULTS), ...RELAY_OPTION_KEYS];

/** @throws MailConfigurationError */
export function readBullOptions(raw: unknown): ResolvedBullOptions {
  const reader = new OptionReader('relay', raw, DYNAMIC);
  const number = (key: keyof typeof BULL_DEFAULTS, min: number) =>
    reader.integer(key, BULL_DEFAULTS[key], { min });
  const resolved: ResolvedBullOptions = {
    redis: readRedis(reader),
    prefix: reader.optionalString('prefix'),
    leaseMs: number('leaseMs', 1_000),
    pollIntervalMs: number('pollIntervalMs', 10),
    maxStalledCount: number('maxStalledCount', 1),
    idempotencyTtlMs: number('idempotencyTtlMs', 0),
    timeoutMs: number('timeoutMs', 1),
    relay: readRelayOptions(reader),
  };
  // Its password is in it.
  return conceal(resolved, 'redis');
}

export interface ResolvedBullStatics {
  readonly queue?: string;
  readonly configKey?: string;
  readonly existingQueue: boolean;
  readonly imports: NonNullable<ModuleMetadata['imports']>;
}

/** Takes one object of options apart. @throws MailConfigurationError */
export function splitBullOptions(
  raw: BullRelayAsyncOptions | (BullRelayOptions & BullRelayStatics),
): {
  readonly statics: ResolvedBullStatics;
  /** The rest, not checked yet. */
  readonly rest: Record<string, unknown>;
} {
  const given: object = raw;
  const isAsync = 'useFactory' in given;
  const reader = new OptionReader('relay', given, [...(isAsync ? ASYNC : STATICS), ...DYNAMIC]);
  const misplaced = isAsync ? DYNAMIC.find((key) => key in given) : undefined;
  if (misplaced) reader.fail(misplaced, 'absent beside `useFactory`, which returns it');
  const { queue, configKey, existingQueue = false, imports = [], ...rest } = raw;
  const statics = {
    queue: reader.optionalString('queue'),
    configKey: reader.optionalString('configKey'),
    existingQueue: reader.boolean('existingQueue', existingQueue),
    imports,
  };
  if (/[:{}]/.test(statics.queue ?? ''))
    reader.fail('queue', 'without `:`, `{` and `}`', 'a name with one');
  if (statics.existingQueue && queue === undefined) {
    reader.fail('queue', 'the name of the existing queue');
  }
  if (statics.existingQueue) {
    for (const key of ['redis', 'prefix'] as const) {
      if (key in rest) reader.fail(key, 'absent beside `existingQueue`, which has its own');
    }
    if (configKey !== undefined) reader.fail('configKey', 'absent beside `existingQueue`');
  }
  return { statics, rest };
}
