import { RedisServer } from '../fixtures/redis-server.js';
import { crashSuite } from './crash-suite.js';

crashSuite('bull', async () => {
  const redis = await RedisServer.start();
  return {
    env: { DRIVER: 'bull', RELAY: JSON.stringify({ redis: redis.url, leaseMs: 1_000 }) },
    async count() {
      const count = async (command: string, key: string) =>
        Number(await redis.command(command, `bull:mail:${key}`));
      const leased = await count('llen', 'active');
      const left = leased + (await count('llen', 'wait')) + (await count('zcard', 'delayed'));
      return { leased, left };
    },
    dispose: () => redis.close(),
  };
});
