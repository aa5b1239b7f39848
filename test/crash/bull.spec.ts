import { RedisServer } from '../fixtures/redis-server.js';
import { crashSuite } from './crash-suite.js';

/** In one step: a job on its way from one list to another is in neither for whoever asks twice. */
const COUNT = `
local leased = redis.call('llen', 'bull:mail:active')
local waits = redis.call('llen', 'bull:mail:wait') + redis.call('zcard', 'bull:mail:delayed')
return { leased, leased + waits }`;

crashSuite('bull', async () => {
  const redis = await RedisServer.start();
  const lines = async (...command: string[]) =>
    (await redis.command(...command)).split('\n').map((line) => line.trim());
  const dead = new Set<string>();
  return {
    env: { DRIVER: 'bull', RELAY: JSON.stringify({ redis: redis.url, leaseMs: 1_000 }) },
    async count() {
      const [leased = 0, left = 0] = (await lines('eval', COUNT, '0')).map(Number);
      return { leased, left };
    },
    async inFlight() {
      const active = (await lines('lrange', 'bull:mail:active', '0', '-1')).filter(Boolean);
      if (active.length === 0) return 0;
      const owners = await lines('mget', ...active.map((id) => `bull:mail:${id}:lock`));
      // A lock names its process; what earlier ones held has run out, or was counted with them.
      const fresh = owners.filter((owner) => owner !== '' && !dead.has(owner));
      for (const owner of fresh) dead.add(owner);
      return fresh.length;
    },
    dispose: () => redis.close(),
  };
});
