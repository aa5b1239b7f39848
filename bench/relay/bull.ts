import { Module, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import Bull from 'bull';
import { MailModule, MailService } from '../../lib/index.js';
import { createMail } from '../../lib/message/create-mail.js';
import { bullRelay, type BullRelayOptions } from '../../lib/relay/bull/index.js';
import { serializeJob } from '../../lib/relay/job.js';
import { RedisServer } from '../../test/fixtures/redis-server.js';
import { Sink } from '../children.js';
import { messageOf } from '../messages.js';
import { drainBacklog, flow, handOver } from './load.js';
import { count, percent, quantile, show } from './print.js';

const RTT_MS = 20;
const ONE_BY_ONE = 1_000;
const AT_ONCE = 100;
const TURNS = 3;
const GOAL = 0.8;

@Module({})
class App {
  static over(port: number, relay: BullRelayOptions): DynamicModule {
    const pool = { maxInFlight: 100 };
    const transport = { type: 'smtp' as const, host: '127.0.0.1', port, pool };
    return { module: App, imports: [MailModule.forRoot({ transport, relay: bullRelay(relay) })] };
  }
}

/** The relay over Redis beside Bull's own `queue.add` of the same job, in turns; every write synced to disk. */
export async function benchBull(mails: number): Promise<void> {
  const redis = await RedisServer.start();
  const sink = await Sink.start('chunking-sink');
  const far = await Sink.start('delay-proxy', sink.port, RTT_MS / 2);
  const raw = new Bull('raw', redis.url);
  const open: INestApplicationContext[] = [];
  const start = async (role: 'producer' | 'both') => {
    const root = App.over(far.port, { redis: redis.url, role });
    const app = await NestFactory.createApplicationContext(root, { logger: false });
    open.push(app);
    return app.get(MailService);
  };
  // What the relay stores, made before the clock runs: `add` has only to store it.
  const jobs = Array.from({ length: 500 }, (_, n) => {
    const mail = createMail(messageOf(n));
    return serializeJob({ mail, queuedAt: Date.now(), priority: 'normal' });
  });
  let added = 0;
  const add = () => {
    added += 1;
    const options = { jobId: `job-${added}`, removeOnComplete: true };
    return raw.add(jobs[added % jobs.length], options);
  };
  try {
    console.log(`\nBull over a Redis that syncs each write, ${count(mails)} mails each`);
    const producer = await start('producer');
    await oneByOne(producer, add);

    const rates = { add: 0, send: 0 };
    for (let turn = 0; turn < TURNS; turn += 1) {
      const from = performance.now();
      const until = added + mails;
      const lane = async () => {
        while (added < until) await add();
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
      rates.add = Math.max(rates.add, (mails / (performance.now() - from)) * 1_000);
      rates.send = Math.max(rates.send, await handOver(producer, mails, AT_ONCE));
    }
    show(
      `sends a second, ${AT_ONCE} at once`,
      `${count(rates.send)}; queue.add ${count(rates.add)}; ${percent(rates.send, rates.add)} (goal ${GOAL * 100}%: ${rates.send >= GOAL * rates.add ? 'yes' : 'NO'})`,
    );
    await raw.empty();

    const { queued = 0 } = (await producer.relay?.stats()) ?? {};
    const backlog = await drainBacklog(await start('both'), queued);
    show(`a backlog out, ${RTT_MS} ms away`, `${count(backlog)} a second`);
    const worker = open.at(-1)!.get(MailService);
    show(`from send to reply, ${RTT_MS} ms away`, `${count(await flow(worker, mails))} a second`);
  } finally {
    for (const app of open) await app.close();
    await raw.close();
    await far.stop();
    await sink.stop();
    await redis.close();
  }
}

async function oneByOne(mail: MailService, add: () => Promise<unknown>): Promise<void> {
  const sends: number[] = [];
  const adds: number[] = [];
  for (let n = 0; n < ONE_BY_ONE; n += 1) {
    let from = performance.now();
    await mail.send(messageOf(n));
    sends.push(performance.now() - from);
    from = performance.now();
    await add();
    adds.push(performance.now() - from);
  }
  for (const list of [sends, adds]) list.sort((a, b) => a - b);
  for (const q of [0.5, 0.99]) {
    const [send, one] = [quantile(sends, q), quantile(adds, q)];
    show(
      `one at a time, p${q * 100}`,
      `${send.toFixed(3)} ms; queue.add ${one.toFixed(3)} ms; ratio ${(send / one).toFixed(2)}`,
    );
  }
}
