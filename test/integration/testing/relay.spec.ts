import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  MailModule,
  MailService,
  OnMail,
  type MailDeferredEvent,
  type MailModuleExtras,
  type MailModuleOptions,
} from '../../../lib/index.js';
import { systemClock, type Clock } from '../../../lib/base/clock.js';
import { bullRelay } from '../../../lib/relay/bull/index.js';
import { spoolRelay } from '../../../lib/relay/spool/index.js';
import { MailTestClock, overrideMail } from '../../../lib/testing/index.js';

const SPOOL = '/nowhere/mail.db';
const message = { to: 'jo@example.com', subject: 'Hello', text: 'Hi' };
const MINUTE = 60_000;

@Injectable()
class Listener {
  readonly heard: string[] = [];

  @OnMail(['queued', 'sent', 'dead'])
  note({ type }: { readonly type: string }): void {
    this.heard.push(type);
  }

  @OnMail('deferred')
  later({ type, attempts }: MailDeferredEvent): void {
    this.heard.push(`${type} ${attempts}`);
  }
}

let app: TestingModule | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function start<C extends Clock = MailTestClock>(
  options: Partial<MailModuleOptions> & MailModuleExtras,
  clock: C = new MailTestClock() as Clock as C,
) {
  const builder = Test.createTestingModule({
    imports: [
      MailModule.forRoot({
        transport: 'smtp://127.0.0.1:1',
        defaults: { from: 'shop@example.com' },
        ...options,
      }),
    ],
    providers: [Listener],
  });
  const outbox = overrideMail(builder, { clock });
  app = await builder.compile();
  await app.init();
  return { outbox, clock, mail: app.get(MailService), heard: app.get(Listener).heard };
}

describe('overrideMail of a mailer with a relay', () => {
  it('keeps the relay’s storage in memory, and its worker real', async () => {
    const { outbox, mail, heard } = await start({ relay: spoolRelay({ path: SPOOL }) });
    const receipt = await mail.send(message);
    expect(receipt.status).toBe('queued');
    expect(outbox.queued).toHaveLength(1);
    outbox.assertNothingSent();
    await outbox.settled();
    expect(outbox.queued).toHaveLength(0);
    expect(outbox.last().mail.id).toBe(receipt.id);
    expect(heard).toEqual(['queued', 'sent']);
    expect(existsSync(SPOOL)).toBe(false);
  });

  it('defers and sends again as time goes by', async () => {
    const { outbox, clock, mail, heard } = await start({
      relay: spoolRelay({
        path: SPOOL,
        retry: { minBackoffMs: MINUTE, maxBackoffMs: MINUTE },
      }),
    });
    outbox.script('451', '451');
    await mail.send(message);
    await outbox.settled();
    expect(outbox.attempts).toHaveLength(1);
    expect(outbox.queued).toHaveLength(1);
    await clock.advance(MINUTE);
    expect(outbox.attempts).toHaveLength(2);
    await clock.advance(MINUTE);
    outbox.assertSent({ to: 'jo@example.com' }, { times: 1 });
    expect(heard).toEqual(['queued', 'deferred 1', 'deferred 2', 'sent']);
  });

  it('holds mail back until its time, and keeps what is refused as dead', async () => {
    const { outbox, clock, mail, heard } = await start({ relay: spoolRelay({ path: SPOOL }) });
    outbox.script('550');
    await mail.send(message, { sendAt: new Date(clock.now() + 5 * MINUTE) });
    await outbox.settled();
    expect(outbox.attempts).toHaveLength(0);
    await clock.advance(5 * MINUTE);
    expect(outbox.dead).toHaveLength(1);
    expect(outbox.queued).toHaveLength(0);
    expect(heard).toEqual(['queued', 'dead']);
    expect(await mail.relay!.retry('all')).toBe(1);
    await outbox.settled();
    expect(outbox.sent).toHaveLength(1);
  });

  it('waits for nothing while the transport is down, and goes on when it is up', async () => {
    const { outbox, clock, mail, heard } = await start({
      relay: spoolRelay({ path: SPOOL, concurrency: 1 }),
    });
    outbox.script({ retryAfter: MINUTE });
    await Promise.all([mail.send(message), mail.send(message), mail.send(message)]);
    await outbox.settled();
    expect(outbox.attempts).toHaveLength(1);
    expect(outbox.queued).toHaveLength(3);
    await mail.send(message);
    await outbox.settled();
    expect(outbox.queued).toHaveLength(4);
    await clock.advance(MINUTE);
    await outbox.settled();
    expect(outbox.sent).toHaveLength(4);
    expect(heard).toEqual([
      ...['queued', 'queued', 'queued', 'deferred 0', 'queued'],
      ...['sent', 'sent', 'sent', 'sent'],
    ]);
  });

  it('waits for nothing where nobody delivers', async () => {
    const { outbox, mail } = await start({ relay: spoolRelay({ path: SPOOL, role: 'producer' }) });
    await mail.send(message);
    await outbox.settled();
    expect(outbox.queued).toHaveLength(1);
  });

  it('holds what may have been accepted, where the policy says so', async () => {
    const { outbox, mail } = await start({
      relay: spoolRelay({ path: SPOOL, retry: { onUnknown: 'hold' } }),
    });
    outbox.script('drop-after-dot');
    await mail.send(message);
    await Promise.all([outbox.settled(), outbox.settled()]);
    expect(outbox.dead).toHaveLength(1);
    expect(await mail.relay!.list()).toMatchObject([{ reason: 'held' }]);
  });

  it('gives back what is not sent when the app shuts down', async () => {
    const { outbox, clock, mail } = await start({
      relay: spoolRelay({ path: SPOOL }),
      shutdown: { drainTimeoutMs: 1_000 },
    });
    outbox.script('hang');
    await mail.send(message);
    await clock.advance(0);
    expect(outbox.attempts).toHaveLength(0);
    const closing = app!.close();
    app = undefined;
    await clock.advance(10_000);
    await closing;
    expect(outbox.attempts).toMatchObject([{ error: { code: 'MAIL_ABORTED' } }]);
    expect(outbox.queued).toHaveLength(1);
  });

  it('needs no Redis for a mailer on Bull, and opens no connection to one', async () => {
    const connections: Socket[] = [];
    const server = createServer((socket) => void connections.push(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { outbox, mail } = await start({
      relay: bullRelay({ redis: { host: '127.0.0.1', port } }),
    });
    expect((await mail.send(message, { idempotencyKey: 'once' })).status).toBe('queued');
    await mail.send(message, { idempotencyKey: 'once' });
    await outbox.settled();
    expect(outbox.sent).toHaveLength(1);
    await app!.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(connections).toEqual([]);
    server.close();
  });

  it.each(['modern', 'all but Date'])(
    'goes on under the fake timers of a test runner, %s',
    async (how) => {
      const { outbox, clock, mail } = await start({
        relay: spoolRelay({ path: SPOOL, retry: { minBackoffMs: MINUTE, maxBackoffMs: MINUTE } }),
      });
      jest.useFakeTimers(how === 'modern' ? {} : { doNotFake: ['Date'] });
      try {
        outbox.script('451');
        await mail.send(message);
        await outbox.settled();
        expect(outbox.attempts).toHaveLength(1);
        await clock.advance(MINUTE);
        outbox.assertSent({ to: 'jo@example.com' });
        await mail.send(message);
        await app!.close();
        app = undefined;
      } finally {
        jest.useRealTimers();
      }
    },
  );

  it('goes on under fake timers with the clock of the system, too', async () => {
    const { outbox, mail } = await start({ relay: spoolRelay({ path: SPOOL }) }, systemClock);
    jest.useFakeTimers();
    try {
      await mail.send(message);
      await outbox.settled();
      outbox.assertSent({ to: 'jo@example.com' });
      await app!.close();
      app = undefined;
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('overrideMail of a mailer with a route', () => {
  const transport = {
    type: 'route',
    strategy: 'failover',
    breaker: { failures: 1, trialAfterMs: MINUTE },
    transports: [
      { name: 'smtp', transport: 'smtps://127.0.0.1:1' },
      { name: 'api', transport: 'sendgrid://KEY@api.sendgrid.com' },
      'memory:',
    ],
  } as const;

  it('leaves the route real: it fails over, and comes back when it is time', async () => {
    const { outbox, clock, mail } = await start({ transport });
    outbox.transport('smtp').script('refused');
    const receipt = await mail.send(message);
    expect(receipt.hops).toMatchObject([
      { transport: 'smtp', outcome: 'failed' },
      { transport: 'api', outcome: 'accepted' },
    ]);
    expect((await mail.send(message)).hops).toMatchObject([{ transport: 'api' }]);
    await clock.advance(MINUTE);
    // The mail that finds the trial due does not wait for it.
    expect((await mail.send(message)).hops).toMatchObject([{ transport: 'api' }]);
    expect((await mail.send(message)).hops).toMatchObject([{ transport: 'smtp' }]);
    expect(outbox.attempts.map(({ transport }) => transport)).toEqual([
      'smtp',
      'api',
      'api',
      'api',
      'smtp',
    ]);
    expect(outbox.sent).toHaveLength(4);
  });

  it('plays an outage of all transports, which pauses the relay and burns no attempt', async () => {
    const relay = spoolRelay({ path: SPOOL, retry: { minBackoffMs: 1_000, maxBackoffMs: 1_000 } });
    const { outbox, clock, mail } = await start({ transport, relay });
    const transports = ['smtp', 'api', 'memory'].map((name) => outbox.transport(name));
    for (const transport of transports) transport.down();
    const { id } = await mail.send(message);
    await clock.advance(10 * MINUTE);
    outbox.assertNothingSent();
    expect(outbox.queued).toHaveLength(1);
    expect(await mail.relay!.show(id)).toMatchObject({ state: 'queued', attempts: 0 });
    const tried = outbox.attempts.length;
    expect(tried).toBeLessThan(10);
    for (const transport of transports) transport.up();
    await clock.advance(5 * MINUTE);
    expect(outbox.sent).toHaveLength(1);
    expect(outbox.attempts).toHaveLength(tried + 1);
  });

  it('names the transports that there are', async () => {
    const { outbox } = await start({ transport });
    expect(() => outbox.transport('web')).toThrow(/one of 'smtp', 'api', 'memory', got 'web'/);
  });

  it('never lets a message’s own fault go on', async () => {
    const { outbox, mail } = await start({ transport });
    outbox.transport('smtp').script('550');
    await expect(mail.send(message)).rejects.toMatchObject({ code: 'MAIL_RECIPIENTS' });
    expect(outbox.attempts).toHaveLength(1);
  });
});
