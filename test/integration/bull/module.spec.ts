import { getQueueToken, BullModule } from '@nestjs/bull';
import { Module, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Queue } from 'bull';
import { MailModule } from '../../../lib/module/mail.module.js';
import { MailService } from '../../../lib/service/mail.service.js';
import { getMailToken } from '../../../lib/service/mail.tokens.js';
import type { BullQueue } from '../../../lib/relay/bull/bull-queue.js';
import { bullRelay } from '../../../lib/relay/bull/index.js';
import { queueConnection, readRedis } from '../../../lib/relay/redis/redis-options.js';
import { OptionReader } from '../../../lib/base/option-reader.js';
import { MemoryTransport } from '../../../lib/transports/memory/memory.transport.js';
import { RedisServer } from '../../fixtures/redis-server.js';

let redis: RedisServer;

beforeAll(async () => {
  redis = await RedisServer.start();
});

beforeEach(async () => {
  await redis.command('flushall');
  await redis.command('config', 'set', 'maxmemory-policy', 'noeviction');
});

afterAll(() => redis.close());

const message = { from: 'a@example.com', to: 'b@example.net', subject: 's', text: 't' };
const delivered = (mail: MailService, count = 1) =>
  new Promise<void>((resolve) => {
    let sent = 0;
    mail.events$.subscribe(({ type }) => {
      if (type === 'sent' && (sent += 1) === count) resolve();
    });
  });
const exists = (key: string) => redis.command('exists', key);

class Recorder implements LoggerService {
  readonly lines: string[] = [];
  log(): void {}
  error(line: unknown): void {
    this.lines.push(`error ${String(line)}`);
  }
  warn(line: unknown): void {
    this.lines.push(`warn ${String(line)}`);
  }
}

describe('bullRelay in an app', () => {
  it('queues over Redis and delivers, by the shortest options', async () => {
    const transport = new MemoryTransport();
    const app = await Test.createTestingModule({
      imports: [MailModule.forRoot({ transport, relay: bullRelay({ redis: redis.url }) })],
    }).compile();
    await app.init();
    const mail = app.get(MailService);
    const done = delivered(mail);
    const receipt = await mail.send(message);
    expect(receipt).toMatchObject({ status: 'queued' });
    await done;
    await app.close();
    expect(transport.mails.map(({ id }) => id)).toEqual([receipt.id]);
    expect(await redis.command('keys', '*:active:*')).toBe('');
  });

  it('takes useFactory and inject, beside options of the module that are async, too', async () => {
    const REDIS = Symbol('redis');
    @Module({ providers: [{ provide: REDIS, useFactory: () => redis.url }], exports: [REDIS] })
    class ConfigModule {}
    const app = await Test.createTestingModule({
      imports: [
        MailModule.forRootAsync({
          name: 'bulk',
          relay: bullRelay({
            imports: [ConfigModule],
            inject: [REDIS],
            useFactory: async (url: string) => ({ redis: url, prefix: 'app' }),
          }),
          useFactory: () => ({ transport: 'memory:' }),
        }),
      ],
    }).compile();
    await app.init();
    const mail = app.get<MailService>(getMailToken('bulk'));
    const done = delivered(mail);
    await mail.send(message);
    await done;
    expect(await exists('app:nestjs-mail-relay-bulk:mails:id')).toBe('1');
    await app.close();
  });

  it('shares what BullModule.forRoot says, by its key, too', async () => {
    const app = await Test.createTestingModule({
      imports: [
        BullModule.forRoot('mails', { url: redis.url, prefix: 'shared' }),
        BullModule.forRoot({ redis: { port: redis.port }, prefix: 'common' }),
        MailModule.forRoot({ transport: 'memory:', relay: bullRelay({ configKey: 'mails' }) }),
        MailModule.forRoot({ name: 'two', transport: 'memory:', relay: bullRelay({}) }),
      ],
    }).compile();
    await app.init();
    await app.get(MailService).send(message);
    await app.get<MailService>(getMailToken('two')).send(message);
    expect(await exists('shared:nestjs-mail-relay:mails:id')).toBe('1');
    expect(await exists('common:nestjs-mail-relay-two:mails:id')).toBe('1');
    await app.close();
  });

  it('takes an existing queue, and leaves it open', async () => {
    const queues = BullModule.registerQueue({ name: 'letters', redis: { port: redis.port } });
    @Module({ imports: [queues], exports: [queues] })
    class QueuesModule {}
    const relay = bullRelay({ queue: 'letters', existingQueue: true, imports: [QueuesModule] });
    const app = await Test.createTestingModule({
      imports: [QueuesModule, MailModule.forRoot({ transport: 'memory:', relay })],
    }).compile();
    await app.init();
    const mail = app.get(MailService);
    const done = delivered(mail);
    await mail.send(message);
    await done;
    await mail.drain(1_000);
    const queue = app.get<Queue>(getQueueToken('letters'), { strict: false });
    expect(await queue.getJobCounts()).toMatchObject({ active: 0, waiting: 0, failed: 0 });
    await app.close();
  });

  it('a producer neither listens nor delivers', async () => {
    const transport = new MemoryTransport();
    const relay = bullRelay({ redis: redis.url, role: 'producer' });
    const app = await Test.createTestingModule({
      imports: [MailModule.forRoot({ transport, relay })],
    }).compile();
    await app.init();
    await app.get(MailService).send(message);
    expect(await redis.command('pubsub', 'channels')).toBe('');
    const line = 'bull:nestjs-mail-relay:mails:line:normal:';
    expect(await redis.command('llen', line)).toBe('1');
    await app.close();
    expect(transport.mails).toEqual([]);
  });

  it('sends while Redis is down are refused, and the app ends in peace', async () => {
    const gone = await RedisServer.reserve();
    const relay = bullRelay({ redis: gone.url, timeoutMs: 200 });
    const app = await Test.createTestingModule({
      imports: [MailModule.forRoot({ transport: 'memory:', relay })],
    }).compile();
    app.useLogger(false);
    await app.init();
    await expect(app.get(MailService).send(message)).rejects.toMatchObject({
      code: 'MAIL_RELAY',
      disposition: 'retry',
    });
    await app.close();
    await gone.close();
  });

  it('warns of a Redis that may throw mail away', async () => {
    await redis.command('config', 'set', 'maxmemory-policy', 'allkeys-lru');
    const logger = new Recorder();
    @Module({
      imports: [
        MailModule.forRoot({ transport: 'memory:', relay: bullRelay({ redis: redis.url }) }),
      ],
    })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger });
    await app.get(MailService).send(message);
    while (logger.lines.length === 0) await new Promise((go) => setTimeout(go, 5));
    expect(logger.lines).toEqual([expect.stringMatching(/allkeys-lru.*noeviction/)]);
    await app.close();
  });
});

describe('options of bullRelay', () => {
  it.each([
    [{ redis: 'http://localhost' }, 'relay.redis', 'redis://'],
    [{ redis: 7 }, 'relay.redis', 'redis://'],
    [{ redis: 'redis://:secret@localhost/x' }, 'relay.redis', 'redis://'],
    [{ leaseMs: 10 }, 'relay.leaseMs', '1000'],
    [{ rol: 'worker' }, 'relay.rol', 'role'],
    [{ queue: 'a:b' }, 'relay.queue', ':'],
    [{ existingQueue: true }, 'relay.queue', 'existing'],
    [{ existingQueue: true, queue: 'q', redis: 'redis://x' }, 'relay.redis', 'absent'],
    [{ existingQueue: true, queue: 'q', redis: 'redis://:secret@x' }, 'relay.redis', 'absent'],
    [{ useFactory: () => ({}), redis: 'redis://:secret@x' }, 'relay.redis', 'absent'],
    [{ useFactory: () => ({}), leaseMs: 5_000 }, 'relay.leaseMs', 'useFactory'],
  ])('refuses %j', (options, option, says) => {
    const make = () => bullRelay(options as never);
    expect(make).toThrow(expect.objectContaining({ code: 'MAIL_CONFIG', option }));
    expect(make).toThrow(says);
    expect(make).not.toThrow('secret');
  });

  it('reads a URL, TLS and escapes included', () => {
    const read = (redis: string) => readRedis(new OptionReader('relay', { redis }, ['redis']));
    expect(read('rediss://me:p%40ss@r.example:6380/3')).toEqual({
      host: 'r.example',
      port: 6380,
      username: 'me',
      password: 'p@ss',
      db: 3,
      tls: {},
    });
    expect(read('redis://[::1]')).toEqual({ host: '::1', port: 6379 });
    expect(queueConnection(undefined, { redis: 'rediss://h', url: undefined })).toMatchObject({
      redis: { host: 'h', tls: {}, maxRetriesPerRequest: 0, enableReadyCheck: false },
    });
  });

  it('leaves connections alone that the app makes itself', () => {
    expect(queueConnection(undefined, { createClient: () => undefined })).toEqual({});
  });
});

it('knows Bull by its shape', () => {
  // The compiler is the one who checks it.
  const shape = (queue: Queue): Omit<BullQueue, 'on'> => queue;
  expect(shape).toBeDefined();
});
