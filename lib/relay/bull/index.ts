import type { MailRelayDefinition } from '../relay-definition.js';
import {
  readBullOptions,
  splitBullOptions,
  type BullRelayAsyncOptions,
  type BullRelayOptions,
  type BullRelayStatics,
} from './bull.options.js';
import { wireBull } from './wiring.js';

export type { BullRelayAsyncOptions, BullRelayOptions, BullRelayStatics } from './bull.options.js';
export type { RedisOptions as BullRedisOptions } from '../redis/redis-options.js';

/**
 * A durable relay over Redis for several processes and machines, on `@nestjs/bull` and Bull 4:
 * `relay: bullRelay({ redis: 'redis://127.0.0.1' })`, or without `redis` where `BullModule.forRoot` says
 * where Redis is. A mail is as safe as Redis keeps it: `appendonly yes`, and `appendfsync always` to
 * survive a power cut to the last mail.
 * @throws MailConfigurationError, with options given as a factory once the app is created.
 */
export function bullRelay(
  options: (BullRelayOptions & BullRelayStatics) | BullRelayAsyncOptions,
): MailRelayDefinition {
  const { statics, rest } = splitBullOptions(options);
  if ('useFactory' in options) {
    return { register: (mailer) => wireBull(mailer, statics, options) };
  }
  readBullOptions(rest);
  return { register: (mailer) => wireBull(mailer, statics, { useFactory: () => rest }) };
}
