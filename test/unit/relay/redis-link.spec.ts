import { expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import type { RedisClient } from '../../../lib/relay/redis/redis-client.js';
import { RedisLink } from '../../../lib/relay/redis/redis-link.js';
import { MailTestClock } from '../../../lib/testing/test-clock.js';

it('finds a Redis again that hung at first, on a connection that is not its own', async () => {
  let hangs = true;
  let disconnects = 0;
  const client = Object.assign(new EventEmitter(), {
    status: 'ready',
    defineCommand: () => undefined,
    disconnect: () => (disconnects += 1),
    exists: () => (hangs ? new Promise<never>(() => undefined) : Promise.resolve(0)),
    hkeys: () => Promise.resolve(['one']),
  }) as unknown as RedisClient;
  const clock = new MailTestClock();
  let ups = 0;
  const link = new RedisLink({
    where: 'Redis of queue mail',
    client: () => client,
    scripts: {},
    timeoutMs: 5_000,
    clock,
    own: false,
    probe: (redis) => redis.exists('bull:mail:id'),
    onUp: () => (ups += 1),
  });
  link.open();
  await clock.advance(6_000);
  hangs = false;
  await clock.advance(6_000);
  expect(ups).toBe(1);
  expect(disconnects).toBe(0);
  const names = link.call((redis) => redis.hkeys('bull:mail:owners'), { repeatable: true });
  await clock.advance(1);
  expect(await names).toEqual(['one']);
});
