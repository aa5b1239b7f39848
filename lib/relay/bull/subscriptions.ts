import type { BullEventClient, RedisClient } from './bull-queue.js';

type Subscribe = (...channels: string[]) => Promise<unknown>;
type Subscriber = RedisClient & Record<'subscribe' | 'psubscribe', Subscribe>;

/**
 * Bull, and ioredis once it is connected again, subscribe in promises that nobody looks at: a wrong
 * password or a connection lost at that moment would end the process. Here it is tried again with the
 * next connection; meanwhile a worker looks for mail by itself.
 */
export function secureSubscriptions(queue: BullEventClient): void {
  const client = queue.eclient as Subscriber | undefined;
  if (!client) return;
  for (const name of ['subscribe', 'psubscribe'] as const) {
    const subscribe = client[name].bind(client);
    client[name] = async (...channels) => {
      try {
        return await subscribe(...channels);
      } catch {
        client.once('ready', () => void client[name](...channels));
        return undefined;
      }
    };
  }
}

/** Of a connection that never came, Bull waits in such a promise, too: closing would fail it. */
export function forgetSubscriptions({ subscriberInitialized, eclient }: BullEventClient): void {
  if (subscriberInitialized && eclient && eclient.status !== 'ready') {
    eclient.removeAllListeners('end');
  }
}
