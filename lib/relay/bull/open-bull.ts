import { MailConfigurationError } from '../../base/errors.js';
import type { BullQueue } from './bull-queue.js';
import { readBullOptions } from './bull.options.js';
import { BullRelay } from './bull.relay.js';
import { queueConnection } from '../redis/redis-options.js';

type QueueClass = new (name: string, options: Record<string, unknown>) => BullQueue;

/**
 * A relay by `redis://host:6379/0?queue=nestjs-mail-relay&prefix=bull`, for programs outside the app. It takes no mail
 * over: it is not a worker.
 * @throws MailConfigurationError
 */
export async function openBull(text: string, defaultQueue: string): Promise<BullRelay> {
  const url = new URL(text);
  const queue = url.searchParams.get('queue') ?? defaultQueue;
  const prefix = url.searchParams.get('prefix') ?? undefined;
  const unknown = [...url.searchParams.keys()].find((key) => key !== 'queue' && key !== 'prefix');
  if (unknown !== undefined) {
    throw MailConfigurationError.unknown(unknown, 'Known: queue, prefix');
  }
  url.search = '';
  const options = readBullOptions({
    redis: url.href,
    role: 'producer',
    ...(prefix !== undefined && { prefix }),
  });
  const Bull = ((await import('bull')) as unknown as { default: QueueClass }).default;
  const made = new Bull(queue, {
    ...queueConnection(options.redis, undefined),
    ...(prefix !== undefined && { prefix }),
    skipVersionCheck: true,
  });
  // What Redis says comes with the answer of each call.
  made.on('error', () => undefined);
  return new BullRelay({
    queue: made,
    options,
    ownsQueue: true,
    ownsClient: true,
    isProducer: true,
    formerQueue: queue,
  });
}
