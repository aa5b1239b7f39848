import { RedisServer } from '../fixtures/redis-server.js';
import { crashSuite } from './crash-suite.js';

const BASE = 'bull:nestjs-mail-relay:mails:';
/** In one step: a job on its way from one list to another is in neither for whoever asks twice. */
const COUNT = `
local base, leased = '${BASE}', 0
for _, owner in ipairs(redis.call('hkeys', base .. 'owners')) do
  leased = leased + redis.call('zcard', base .. 'active:' .. owner)
end
local waits = redis.call('llen', base .. 'line:normal:') + redis.call('zcard', base .. 'again:normal:')
return { leased, leased + waits + redis.call('zcard', base .. 'delayed') }`;

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
      // What earlier ones held was taken back, or was counted with them.
      const owners = (await lines('hkeys', `${BASE}owners`)).filter(
        (owner) => owner !== '' && !dead.has(owner),
      );
      let held = 0;
      for (const owner of owners) {
        dead.add(owner);
        held += Number(await redis.command('zcard', `${BASE}active:${owner}`));
      }
      return held;
    },
    dispose: () => redis.close(),
  };
});
