import type { RedisClient } from '../redis/redis-client.js';

/** What this driver uses of Bull, by shape. A test holds it against the real type. */
export interface BullQueue {
  readonly name: string;
  /** Connects when it is first looked at, and so does the one for events. */
  readonly client: RedisClient;
  readonly eclient?: RedisClient;
  toKey(name: string): string;
  close(): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}
