import { expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import type { BullQueue, RedisClient } from '../../../lib/relay/bull/bull-queue.js';
import { RedisLink } from '../../../lib/relay/bull/redis-link.js';
import { MailTestClock } from '../../../lib/testing/test-clock.js';

it('finds a Redis again that hung at first, on a connection that is not its own', async () => {
  let hangs = true;
  let disconnects = 0;
  const client = Object.assign(new EventEmitter(), {
    status: 'ready',
    defineCommand: () => undefined,
    disconnect: () => (disconnects += 1),
    zcard: () => (hangs ? new Promise<never>(() => undefined) : Promise.resolve(0)),
    llen: () => Promise.resolve(7),
  }) as unknown as RedisClient;
  const queue = { name: 'mail', client, toKey: (name: string) => `bull:mail:${name}` };
  const clock = new MailTestClock();
  let ups = 0;
  const link = new RedisLink(queue as unknown as BullQueue, 5_000, clock, false, () => (ups += 1));
  link.open();
  await clock.advance(6_000);
  hangs = false;
  await clock.advance(6_000);
  expect(ups).toBe(1);
  expect(disconnects).toBe(0);
  const length = link.call((redis) => redis.llen('bull:mail:wait'), { repeatable: true });
  await clock.advance(1);
  expect(await length).toBe(7);
});
