import { BullModule, getQueueToken, Process, Processor } from '@nestjs/bull';
import {
  Module,
  type DynamicModule,
  type INestApplicationContext,
  type LoggerService,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import Bull from 'bull';
import { Queue as BullMqQueue, Worker as BullMqWorker } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MailModule } from '../../../lib/module/mail.module.js';
import { bullRelay } from '../../../lib/relay/bull/index.js';
import { MailService } from '../../../lib/service/mail.service.js';
import { getMailToken } from '../../../lib/service/mail.tokens.js';
import { MemoryTransport } from '../../../lib/transports/memory/memory.transport.js';
import { RedisServer } from '../../fixtures/redis-server.js';
import { upTo } from '../../fixtures/leases.js';
import { openRelay } from './helpers.js';

const EACH = 2_000;
const NAME = 'orders';
const message = { from: 'a@example.com', to: 'b@example.net', subject: 's', text: 't' };

let redis: RedisServer;
const apps: INestApplicationContext[] = [];
const theirOwn: { close(): Promise<unknown> }[] = [];

/** Closed at the end of the test, however it ends. */
function closing<T extends { close(): Promise<unknown> }>(one: T): T {
  theirOwn.push(one);
  return one;
}

beforeAll(async () => {
  redis = await RedisServer.start({ appendfsync: 'everysec' });
});

beforeEach(async () => {
  await redis.command('flushall');
});

afterEach(async () => {
  await Promise.all(theirOwn.splice(0).map((one) => one.close()));
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

afterAll(() => redis.close());

type Options = Parameters<typeof bullRelay>[0];

function mailer(transport: MemoryTransport, options: Options = {}, name?: string): DynamicModule {
  const relay = bullRelay({ redis: redis.url, queue: NAME, ...options });
  return MailModule.forRoot({ transport, relay, ...(name !== undefined && { name }) });
}

async function start(
  imports: DynamicModule['imports'],
  logger: LoggerService | false = false,
): Promise<INestApplicationContext> {
  @Module({})
  class AppModule {}
  const root = { module: AppModule, imports };
  const app = await NestFactory.createApplicationContext(root, {
    logger,
    abortOnError: false,
  });
  apps.push(app);
  return app;
}

async function sendMany(app: INestApplicationContext, name?: string): Promise<string[]> {
  const service = app.get<MailService>(name === undefined ? MailService : getMailToken(name));
  const ids: string[] = [];
  for (let n = 0; n < EACH; n += 100) {
    const receipts = await Promise.all(Array.from({ length: 100 }, () => service.send(message)));
    ids.push(...receipts.map(({ id }) => id));
  }
  return ids;
}

const arrived = (...transports: MemoryTransport[]) =>
  transports.flatMap(({ mails }) => mails.map(({ id }) => id)).sort();

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 45_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error('It did not come to that');
    await new Promise((go) => setTimeout(go, 20));
  }
  // What would come twice comes soon.
  await new Promise((go) => setTimeout(go, 500));
}

/** Keeps all of it: what came twice would be seen. */
const outbox = () => new MemoryTransport({ maxMails: 4 * EACH });
const jobData = Array.from({ length: EACH }, (_, n) => n + 1);

describe('a queue of this name that is not ours alone', () => {
  it('beside a worker of Bull that came later: nobody takes what is the other’s', async () => {
    const transport = outbox();
    const app = await start([mailer(transport)]);
    const theirs = closing(new Bull(NAME, redis.url, { settings: { stalledInterval: 500 } }));
    const done: number[] = [];
    void theirs.process('*', 10, async ({ data }) => {
      await Promise.resolve(done.push(data as number));
    });
    const [ids] = await Promise.all([
      sendMany(app),
      theirs.addBulk(jobData.map((n) => ({ name: 'job', data: n, opts: { delay: n % 3 } }))),
    ]);
    await until(() => done.length >= EACH && transport.mails.length >= EACH);
    expect(arrived(transport)).toEqual(ids.sort());
    expect(done.sort((a, b) => a - b)).toEqual(jobData);
    expect(await theirs.getFailedCount()).toBe(0);
  }, 60_000);

  it('beside a worker of BullMQ that came later: nobody takes what is the other’s', async () => {
    const transport = outbox();
    const app = await start([mailer(transport)]);
    const connection = { port: redis.port };
    const theirs = closing(new BullMqQueue(NAME, { connection, prefix: 'bull' }));
    const done: number[] = [];
    const worker = new BullMqWorker(
      NAME,
      async ({ data }) => Promise.resolve(done.push(data as number)),
      { connection, prefix: 'bull', concurrency: 10 },
    );
    closing(worker);
    const [ids] = await Promise.all([
      sendMany(app),
      theirs.addBulk(jobData.map((n) => ({ name: 'job', data: n, opts: { delay: n % 3 } }))),
    ]);
    await until(() => done.length >= EACH && transport.mails.length >= EACH);
    expect(arrived(transport)).toEqual(ids.sort());
    expect(done.sort((a, b) => a - b)).toEqual(jobData);
    expect(await theirs.getFailedCount()).toBe(0);
  }, 60_000);

  it('beside a processor of the app’s, with `existingQueue`', async () => {
    const done: number[] = [];
    @Processor(NAME)
    class Orders {
      @Process({ name: '*', concurrency: 20 })
      async work({ data }: { data: number }): Promise<void> {
        await Promise.resolve(done.push(data));
      }
    }
    const queues = BullModule.registerQueue({ name: NAME, redis: redis.url });
    @Module({ imports: [queues], providers: [Orders], exports: [queues] })
    class OrdersModule {}
    const transport = outbox();
    const relay = bullRelay({ queue: NAME, existingQueue: true, imports: [OrdersModule] });
    const app = await start([OrdersModule, MailModule.forRoot({ transport, relay })]);
    const theirs = app.get<Bull.Queue>(getQueueToken(NAME), { strict: false });
    const [ids] = await Promise.all([
      sendMany(app),
      theirs.addBulk(jobData.map((n) => ({ name: 'order', data: n }))),
    ]);
    await until(() => done.length >= EACH && transport.mails.length >= EACH);
    expect(arrived(transport)).toEqual(ids.sort());
    expect(done.sort((a, b) => a - b)).toEqual(jobData);
    expect(await theirs.getFailedCount()).toBe(0);
  }, 60_000);

  it('beside another mailer of the same queue, and a second app with other options', async () => {
    const [one, two, other] = [outbox(), outbox(), outbox()];
    const first = await start([mailer(one, {}, 'orders'), mailer(two, {}, 'news')]);
    const second = await start([
      mailer(other, { leaseMs: 5_000, concurrency: 3, pollIntervalMs: 50 }, 'orders'),
    ]);
    const [orders, news, more] = await Promise.all([
      sendMany(first, 'orders'),
      sendMany(first, 'news'),
      sendMany(second, 'orders'),
    ]);
    const sum = () => one.mails.length + other.mails.length;
    await until(() => two.mails.length >= EACH && sum() >= 2 * EACH);
    expect(arrived(two)).toEqual(news.sort());
    expect(arrived(one, other)).toEqual([...orders, ...more].sort());
  }, 60_000);

  it('tells of a job that is none of ours, and leaves it as it is', async () => {
    const { relay, close } = await openRelay(bullRelay({ redis: redis.url, queue: NAME }));
    await relay.lease(upTo(1));
    const theirs = closing(new Bull(NAME, redis.url));
    const job = await theirs.add({ theirs: true });
    let lease = await relay.lease(upTo(1));
    while (!lease.foreign) {
      await new Promise((go) => setTimeout(go, 50));
      lease = await relay.lease(upTo(1));
    }
    expect(lease).toMatchObject({ jobs: [], unreadable: [], foreign: [{ id: String(job.id) }] });
    expect(lease.foreign[0]!.problem).toContain(NAME);
    expect(await theirs.getJobCounts()).toMatchObject({ waiting: 1, failed: 0 });
    await close();
  });
});

it('the log names a job that is none of ours, once', async () => {
  const lines: string[] = [];
  const keep = (line: unknown) => void lines.push(String(line));
  await start([mailer(outbox())], { log: keep, warn: keep, error: keep });
  const theirs = closing(new Bull(NAME, redis.url));
  const job = await theirs.add({ theirs: true });
  const told = () => lines.filter((line) => line.includes(`${job.id} in bull:${NAME}`));
  while (told().length === 0) await new Promise((go) => setTimeout(go, 50));
  // The worker looks once a second.
  await new Promise((go) => setTimeout(go, 2_500));
  expect(told()).toEqual([expect.stringContaining('another name')]);
  expect(await theirs.getJobCounts()).toMatchObject({ waiting: 1, failed: 0 });
});

describe('refused at boot', () => {
  const refused = (queue = NAME) => expect.objectContaining({ code: 'MAIL_CONFIG', option: 'relay.queue', message: expect.stringContaining(queue) }); // prettier-ignore

  it('a queue of BullMQ', async () => {
    const theirs = closing(new BullMqQueue(NAME, { connection: { port: redis.port } }));
    await theirs.waitUntilReady();
    await theirs.add('job', {});
    await expect(start([mailer(outbox())])).rejects.toEqual(refused());
  });

  it('a queue with a job that is none of ours', async () => {
    const theirs = closing(new Bull(NAME, redis.url));
    await theirs.add({});
    const connections = async () => (await redis.command('client', 'list')).split('\n').length;
    const before = await connections();
    await expect(start([mailer(outbox())])).rejects.toEqual(refused());
    expect(await theirs.getJobCounts()).toMatchObject({ waiting: 1, failed: 0 });
    // One that is left would keep a process alive that failed to start.
    while ((await connections()) > before);
  });

  it('a queue that the app registers itself, without `existingQueue`', async () => {
    // It does not connect: what fails to start is not closed.
    const queues = BullModule.registerQueueAsync({
      name: NAME,
      useFactory: () => ({ redis: redis.url, skipVersionCheck: true }),
    });
    const starting = start([queues, mailer(outbox())]);
    await expect(starting).rejects.toEqual(refused());
    await expect(starting).rejects.toThrow('existingQueue');
  });
});
