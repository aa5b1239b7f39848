import { AsyncLocalStorage } from 'node:async_hooks';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { MailInterceptor } from '../../../lib/interceptors/mail-interceptor.js';
import type { MailMessage } from '../../../lib/message/message.js';
import { MailModule } from '../../../lib/module/mail.module.js';
import { bullRelay } from '../../../lib/relay/bull/index.js';
import { MailService } from '../../../lib/service/mail.service.js';
import { MemoryTransport } from '../../../lib/transports/memory/memory.transport.js';
import { RedisServer } from '../../fixtures/redis-server.js';
import { upTo } from '../../fixtures/leases.js';
import { newJob, openRelay } from './helpers.js';

const CALLERS = 50;
const EACH = 20;
const context = new AsyncLocalStorage<number>();

let redis: RedisServer;

beforeEach(async () => {
  redis = await RedisServer.reserve();
});

afterEach(() => redis.close());

const pause = (ms: number) => new Promise((go) => setTimeout(go, ms));

it('the worker is woken outside of whoever sends, also where a send was the first to need Redis', async () => {
  const [own, other] = await Promise.all(
    (['both', 'worker'] as const).map((role) =>
      openRelay(bullRelay({ redis: redis.url, timeoutMs: 20_000, role })),
    ),
  );
  const seen: unknown[] = [];
  const called = { own: 0, other: 0 };
  const watch = (who: 'own' | 'other') => () => {
    called[who] += 1;
    seen.push(context.getStore());
  };
  await own!.relay.consume({ onWork: watch('own') });
  await other!.relay.consume({ onWork: watch('other') });
  const send = (n: number) =>
    context.run(n, async () => {
      for (let sent = 0; sent < EACH; sent += 1) {
        expect(await own!.relay.enqueue([newJob()])).toEqual([{ status: 'stored' }]);
        expect(context.getStore()).toBe(n);
        await own!.relay.lease(upTo(5));
      }
    });
  const sending = Array.from({ length: CALLERS }, (_, n) => send(n + 1));
  await redis.restart();
  await Promise.all(sending);
  // By the channel, from the other connection.
  while (called.other < 10) {
    await context.run(99, () => own!.relay.enqueue([newJob()]));
    await pause(20);
  }
  expect(called.own).toBeGreaterThan(CALLERS);
  expect(new Set(seen)).toEqual(new Set([undefined]));
  await Promise.all([own!.close(), other!.close()]);
}, 60_000);

/** What was seen of a mail where, other than its caller's context. */
const wrong: string[] = [];

/** Of `caller` the context has to be; absent: nobody's. */
function look(where: string, caller?: number): void {
  const store = context.getStore();
  if (store !== caller) wrong.push(`${where} of ${caller}: ${store}`);
}

class Watching implements MailInterceptor {
  intercept(message: MailMessage): MailMessage {
    look('interceptor', Number(message.metadata?.['caller']));
    return message;
  }
}

class WatchingTransport extends MemoryTransport {
  override deliver(...given: Parameters<MemoryTransport['deliver']>) {
    look('transport');
    return super.deliver(...given);
  }
}

it('no transport, interceptor or listener sees the context of another caller', async () => {
  await redis.restart();
  @Module({
    imports: [
      MailModule.forRoot({
        transport: new WatchingTransport(),
        relay: bullRelay({ redis: redis.url }),
        interceptors: [Watching],
      }),
    ],
  })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
  const mail = app.get(MailService);
  const counts: Record<string, number> = {};
  mail.events$.subscribe((event) => {
    counts[event.type] = (counts[event.type] ?? 0) + 1;
    if (event.type === 'queued') look('queued', Number(event.metadata['caller']));
    else look(event.type);
  });
  const message = { from: 'a@example.com', to: 'b@example.net', subject: 's', text: 't' };
  const send = (n: number) =>
    context.run(n, async () => {
      for (let sent = 0; sent < EACH; sent += 1) {
        await mail.send({ ...message, metadata: { caller: String(n) } });
        look('send', n);
      }
    });
  await Promise.all(Array.from({ length: CALLERS }, (_, n) => send(n + 1)));
  while ((counts['sent'] ?? 0) < CALLERS * EACH) await pause(20);
  expect(wrong).toEqual([]);
  expect(counts).toMatchObject({ queued: CALLERS * EACH, attempt: CALLERS * EACH });
  await app.close();
}, 60_000);
