import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { LedgerServer } from '../../crash/ledger-server.js';
import { RelayProcess } from '../../crash/relay-process.js';
import { RedisServer } from '../../fixtures/redis-server.js';

let redis: RedisServer;
let server: LedgerServer;
let port: number;
const running = new Set<RelayProcess>();

beforeEach(async () => {
  redis = await RedisServer.start();
  server = new LedgerServer(() => 1);
  port = await server.listen();
});

afterEach(async () => {
  await Promise.all([...running].map((process) => process.end('SIGKILL')));
  running.clear();
  await server.close();
  await redis.close();
});

function start(run: string, sends: number, role: string): RelayProcess {
  const process = new RelayProcess({
    DRIVER: 'bull',
    RELAY: JSON.stringify({ redis: redis.url, role, leaseMs: 1_000, timeoutMs: 1_000 }),
    TRANSPORT: JSON.stringify({ type: 'smtp', host: '127.0.0.1', port, secure: false, requireTLS: false }), // prettier-ignore
    SENDS: String(sends),
    RUN: run,
  });
  running.add(process);
  return process;
}

const arrived = (process: RelayProcess) => () =>
  process.acknowledged.length > 0 && process.acknowledged.every((id) => server.received.has(id));

it('two processes take mail and two others deliver it, each once', async () => {
  const workers = [start('w1', 0, 'worker'), start('w2', 0, 'worker')];
  const producers = [start('p1', 200, 'producer'), start('p2', 200, 'producer')];
  await Promise.all(producers.map((producer) => producer.untilAcknowledged(200)));
  await server.until(() => producers.every((producer) => arrived(producer)()));
  await Promise.all([...producers, ...workers].map((process) => process.end('SIGTERM')));
  expect(server.received.size).toBe(400);
  expect([...server.received.values()].every((count) => count === 1)).toBe(true);
  expect(JSON.parse(workers[0]!.drained ?? '{}')).toMatchObject({ abandoned: [] });
});

it('processes live through a Redis that goes and comes; nothing acknowledged is lost', async () => {
  const worker = start('w', 0, 'worker');
  const producer = start('p', 1_000_000, 'producer');
  for (let kill = 0; kill < 2; kill += 1) {
    const before = producer.acknowledged.length;
    await producer.untilAcknowledged(before + 100);
    await redis.kill();
    await redis.restart();
  }
  await producer.untilAcknowledged(producer.acknowledged.length + 100);
  await producer.end('SIGTERM');
  await server.until(arrived(producer));
  await worker.end('SIGTERM');
  expect(producer.acknowledged.length).toBeGreaterThan(300);
}, 60_000);
