import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsoleLogger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filter, firstValueFrom, lastValueFrom, of, take, toArray, type Observable } from 'rxjs';
import {
  MailIdempotencyError,
  MailModule,
  MailService,
  type MailEvent,
  type MailEventMap,
  type MailEventType,
  type MailMessage,
} from '../../../lib/index.js';
import { spoolRelay, type SpoolOptions } from '../../../lib/relay/spool/index.js';
import { accept, fault, ScriptedTransport } from '../../fixtures/scripted-transport.js';

const message: MailMessage = { from: 'shop@example.com', to: 'jo@example.net', text: 'Hi' };

function next<T extends MailEventType>(
  mail: MailService,
  type: T,
  count = 1,
): Promise<MailEventMap[T][]> {
  const those = mail.events$.pipe(
    filter((event: MailEvent) => event.type === type),
    take(count),
    toArray(),
  );
  return firstValueFrom(those as unknown as Observable<MailEventMap[T][]>);
}

describe('MailService with a relay', () => {
  let folder: string;
  let transport: ScriptedTransport;
  const apps: TestingModule[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mail-relay-'));
    transport = new ScriptedTransport();
  });

  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function boot(options: Partial<SpoolOptions> = {}, drainTimeoutMs = 5_000) {
    const app = await Test.createTestingModule({
      imports: [
        MailModule.forRoot({
          transport: transport,
          relay: spoolRelay({
            path: join(folder, 'mail.db'),
            thread: false,
            pollIntervalMs: 10,
            retry: { minBackoffMs: 20, maxBackoffMs: 40 },
            ...options,
          }),
          shutdown: { drainTimeoutMs },
        }),
      ],
    })
      .setLogger(new ConsoleLogger({ logLevels: [] }))
      .compile();
    apps.push(app);
    const mail = app.get(MailService);
    await app.init();
    return { app, mail };
  }

  it('answers once the mail is stored, and delivers it afterwards', async () => {
    const { mail } = await boot();
    transport.script = () => 'hold';
    const queued = next(mail, 'queued');
    const receipt = await mail.send(message);
    expect(receipt).toMatchObject({ status: 'queued', accepted: [], rejected: [], hops: [] });
    const { id, messageId } = receipt;
    expect(await queued).toMatchObject([{ id, messageId }]);
    const sent = next(mail, 'sent');
    transport.script = (one) => accept(one);
    transport.letGo();
    expect(await sent).toMatchObject([{ id, messageId, accepted: ['jo@example.net'] }]);
    expect(transport.taken[0]?.mail).toMatchObject({ id, messageId, text: 'Hi' });
  });

  it('answers the first receipt again for a key', async () => {
    const { mail } = await boot();
    const first = await mail.send(message, { idempotencyKey: 'welcome:1' });
    const second = await mail.send(message, { idempotencyKey: 'welcome:1' });
    expect(second).toEqual(first);
    for (const other of [{ text: 'again' }, { subject: 'again' }, { to: 'ann@example.net' }]) {
      const refused = await mail
        .send({ ...message, ...other }, { idempotencyKey: 'welcome:1' })
        .catch((error: unknown) => error);
      const { id, messageId } = first;
      expect(refused).toBeInstanceOf(MailIdempotencyError);
      expect(refused).toMatchObject({
        code: 'MAIL_IDEMPOTENCY',
        disposition: 'permanent',
        first: { id, messageId },
      });
      const { id: own, message: words } = refused as MailIdempotencyError;
      expect(words).toContain(id);
      expect(words).toContain(own);
    }
    await expect(mail.send(message, { idempotencyKey: 'cut \ud83d' })).rejects.toMatchObject({
      code: 'MAIL_INVALID',
      issues: [{ path: 'options.idempotencyKey' }],
    });
    await expect(mail.sendNow(message, { idempotencyKey: 'x' })).rejects.toMatchObject({
      code: 'MAIL_INVALID',
      issues: [{ path: 'options.idempotencyKey' }],
    });
    await expect(mail.send(message, { idempotencyKey: 'a\nb' })).rejects.toMatchObject({
      code: 'MAIL_INVALID',
    });
  });

  it('holds mail until its time, whatever its transport can do', async () => {
    const { mail } = await boot();
    const sendAt = new Date(Date.now() + 200);
    const sent = next(mail, 'sent');
    const { id } = await mail.send(message, { sendAt });
    expect(await mail.relay!.stats()).toMatchObject({ scheduled: 1 });
    expect(await mail.relay!.list({ state: 'scheduled' })).toMatchObject([
      { id, dueAt: sendAt.getTime() },
    ]);
    const [event] = await sent;
    expect(event!.at).toBeGreaterThanOrEqual(sendAt.getTime());
    expect(transport.taken[0]?.mail.sendAt).toBeUndefined();
  });

  it('sends past the relay when told', async () => {
    const { mail } = await boot({ role: 'producer' });
    await mail.send(message);
    expect(await mail.sendNow(message)).toMatchObject({ status: 'sent' });
    expect(transport.taken).toHaveLength(1);
    expect(await mail.relay!.stats()).toMatchObject({ queued: 1 });
  });

  it('retries what the server defers, and only for whom it is still open', async () => {
    const { mail } = await boot();
    const to = ['a@example.net', 'b@example.net', 'c@example.net'];
    transport.script = (one, attempt) => {
      if (attempt === 1) {
        return {
          ...accept(one, ['a@example.net']),
          rejected: [
            { address: 'b@example.net', disposition: 'retry', response: '450 busy' },
            { address: 'c@example.net', disposition: 'permanent', response: '550 gone' },
          ],
        };
      }
      const content = { code: 'MAIL_CONTENT', fault: 'message', stage: 'reply' } as const;
      return attempt === 2 ? fault(content) : accept(one);
    };
    const deferred = next(mail, 'deferred', 2);
    const sent = next(mail, 'sent', 2);
    const { id, messageId } = await mail.send({ ...message, to });
    expect(await deferred).toMatchObject([
      { id, attempts: 1, transportDown: false, recipients: ['b@example.net'] },
      { id, attempts: 2, transportDown: false, recipients: ['b@example.net'] },
    ]);
    await sent;
    expect(transport.taken.map(({ accepted }) => accepted)).toEqual([
      ['a@example.net'],
      ['b@example.net'],
    ]);
    expect(transport.asked.every((one) => one.id === id && one.messageId === messageId)).toBe(true);
    expect(transport.asked[1]?.to).toHaveLength(3);
  });

  it('keeps what is refused for good, held or too old, and sends it again when told', async () => {
    const { mail } = await boot({
      retry: { minBackoffMs: 1, maxBackoffMs: 1, lifetimeMs: 1_000, onUnknown: 'hold' },
    });
    transport.script = ({ subject }) => {
      if (subject === 'bad') {
        return fault({ code: 'MAIL_CONTENT', disposition: 'permanent', fault: 'message' });
      }
      return subject === 'lost'
        ? fault({ code: 'MAIL_CONNECTION_LOST', disposition: 'unknown', stage: 'reply' })
        : fault({ code: 'MAIL_CONTENT', fault: 'message', stage: 'reply' });
    };
    const dead = next(mail, 'dead', 3);
    const ids: Record<string, string> = {};
    for (const subject of ['bad', 'lost', 'old']) {
      ids[subject] = (await mail.send({ ...message, subject })).id;
    }
    const reasons = Object.fromEntries((await dead).map(({ id, reason }) => [id, reason]));
    expect(reasons).toEqual({
      [ids['bad']!]: 'permanent',
      [ids['lost']!]: 'held',
      [ids['old']!]: 'expired',
    });
    const attempts = transport.asked.filter(({ id }) => id === ids['old']).length;
    expect(attempts).toBeGreaterThan(2);
    // The event comes with the decision, the state a commit later.
    let listed = await mail.relay!.list();
    while (listed.length < 3) {
      await new Promise(setImmediate);
      listed = await mail.relay!.list();
    }
    transport.script = (one) => accept(one);
    const sent = next(mail, 'sent');
    expect(await mail.relay!.retry([ids['lost']!])).toBe(1);
    expect(await sent).toMatchObject([{ id: ids['lost'] }]);
    expect(await mail.relay!.discard('all')).toBe(2);
  });

  it('rides out an outage: nothing burnt, nothing reordered, all delivered by itself', async () => {
    transport = new ScriptedTransport(4);
    const { mail } = await boot();
    transport.script = () => fault({});
    transport.fault = fault({});
    const ids: string[] = [];
    const first = next(mail, 'deferred');
    for (let n = 0; n < 30; n += 1) ids.push((await mail.send(message)).id);
    expect(await first).toMatchObject([{ transportDown: true, attempts: 0 }]);
    while (transport.verified < 3) await new Promise(setImmediate);
    // The transport is asked, not tried: only what was under way when it went met it.
    expect(transport.asked.length).toBeLessThanOrEqual(4);
    expect(await mail.relay!.stats()).toMatchObject({ queued: 30, deferred: 0, dead: 0 });
    const sent = next(mail, 'sent', 30);
    transport.asked.length = 0;
    transport.script = (one) => accept(one);
    transport.fault = undefined;
    await sent;
    expect(transport.asked.map(({ id }) => id)).toEqual(ids);
  });

  it('does not let one mail that breaks its connection stop the others', async () => {
    const { mail } = await boot({ retry: { minBackoffMs: 5, maxBackoffMs: 10 } });
    transport.script = (one) =>
      one.subject === 'poison' ? fault({ code: 'MAIL_CONNECTION_LOST' }) : accept(one);
    const sent = next(mail, 'sent', 20);
    const { id } = await mail.send({ ...message, subject: 'poison' });
    const counted = firstValueFrom(
      mail.events$.pipe(filter((event) => event.type === 'deferred' && event.attempts > 0)),
    );
    for (let n = 0; n < 20; n += 1) await mail.send(message);
    await sent;
    expect(await counted).toMatchObject({ id, transportDown: false });
  });

  it('bounds what is under way and how fast it starts', async () => {
    const { mail } = await boot({ concurrency: 3, ratePerSecond: 100 });
    const sent = next(mail, 'sent', 30);
    const from = performance.now();
    await Promise.all(Array.from({ length: 30 }, () => mail.send(message)));
    await sent;
    expect(transport.mostInFlight).toBeLessThanOrEqual(3);
    // Ten may go at once; the other twenty take 200 ms at the least.
    expect(performance.now() - from).toBeGreaterThan(190);
  });

  it('holds only so much of large mails in memory', async () => {
    const { mail } = await boot({ concurrency: 100 });
    transport.script = () => 'hold';
    const large = 2 * 1024 * 1024;
    for (let n = 0; n < 60; n += 1) await mail.send({ ...message, text: 'x'.repeat(large) });
    const leased = async () => (await mail.relay!.stats()).leased;
    while ((await leased()) < 32) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 100));
    // 64 MiB are enough, and the lease that goes beyond brings 32 MiB at most.
    expect(await leased()).toBeLessThanOrEqual(49);
    const sent = next(mail, 'sent', 60);
    transport.script = (one) => accept(one);
    transport.letGo();
    await sent;
  });

  it('gives back what it holds when the app stops, and finds it again', async () => {
    transport = new ScriptedTransport(2);
    const { app, mail } = await boot({}, 20);
    transport.script = () => 'hold';
    const ids = await Promise.all(
      Array.from({ length: 6 }, async () => (await mail.send(message)).id),
    );
    while (transport.asked.length < 2) await new Promise(setImmediate);
    const drained = next(mail, 'drained');
    await app.close();
    const [{ summary }] = (await drained) as [MailEventMap['drained']];
    expect(summary).toMatchObject({ sent: 0, failed: 0, released: 4, abandoned: [] });
    await expect(mail.send(message)).rejects.toMatchObject({ code: 'MAIL_SHUTDOWN' });
    transport = new ScriptedTransport();
    const again = await boot();
    while (transport.taken.length < 6) await new Promise(setImmediate);
    expect(transport.taken.map(({ mail: { id } }) => id).sort()).toEqual([...ids].sort());
    await again.app.close();
    expect(transport.calls).toEqual(['close']);
  });

  it('finishes what is under way while it drains', async () => {
    const { app, mail } = await boot();
    transport.script = () => 'hold';
    await mail.send(message);
    while (transport.asked.length < 1) await new Promise(setImmediate);
    const drained = next(mail, 'drained');
    const closing = app.close();
    await new Promise(setImmediate);
    transport.letGo();
    await closing;
    const [{ summary }] = (await drained) as [MailEventMap['drained']];
    expect(summary).toMatchObject({ sent: 1, released: 0, abandoned: [] });
    const { mail: after } = await boot({ role: 'producer' });
    expect(await after.relay!.stats()).toMatchObject({ queued: 0, leased: 0, deferred: 0 });
  });

  it('names what may have been sent when the deadline cut it off, and keeps it', async () => {
    const { app, mail } = await boot({}, 10);
    transport.script = () => 'hold';
    const { id } = await mail.send(message);
    while (transport.asked.length < 1) await new Promise(setImmediate);
    // A transport that does not even answer the abort.
    transport.deliver = () => new Promise(() => transport.calls.push('stuck'));
    const { id: stuck } = await mail.send(message);
    while (!transport.calls.includes('stuck')) await new Promise(setImmediate);
    const drained = next(mail, 'drained');
    await app.close();
    const [{ summary }] = (await drained) as [MailEventMap['drained']];
    expect(summary.abandoned).toMatchObject([{ id: stuck, disposition: 'unknown' }]);
    const { mail: after } = await boot({ role: 'producer' });
    expect(await after.relay!.list({ state: 'deferred' })).toMatchObject([
      { id: stuck, attempts: 1, failure: { code: 'MAIL_ABORTED' } },
    ]);
    expect(await after.relay!.show(id)).toMatchObject({ state: 'queued', attempts: 0 });
  });

  it('takes its options from a factory, and refuses bad ones', async () => {
    const app = await Test.createTestingModule({
      imports: [
        MailModule.forRootAsync({
          name: 'bulk',
          relay: spoolRelay({
            inject: [{ token: 'FOLDER', optional: true }],
            useFactory: () => ({ path: join(folder, 'bulk.db'), thread: false }),
          }),
          useFactory: () => ({ transport: transport }),
        }),
      ],
    }).compile();
    apps.push(app);
    await app.init();
    const mail = app.get<MailService>('MailService:bulk', { strict: false });
    const sent = next(mail, 'sent');
    expect(await mail.send(message)).toMatchObject({ status: 'queued' });
    expect(await sent).toMatchObject([{ mailer: 'bulk' }]);
    expect(() => spoolRelay({ path: ':memory:' })).toThrow('relay.path');
    const misspelt = { path: 'x', retry: { minBackof: 1 } } as unknown as SpoolOptions;
    expect(() => spoolRelay(misspelt)).toThrow('minBackoffMs');
    const wrong = { transport: 'memory:', relay: 'spool' } as unknown as Parameters<
      typeof MailModule.forRoot
    >[0];
    expect(() => MailModule.forRoot(wrong)).toThrow('spoolRelay');
  });

  it('does not boot where its file can never be, says so by name, and boots once it can', async () => {
    const blocked = join(folder, 'blocked');
    rmSync(folder, { recursive: true });
    const { writeFileSync, mkdirSync } = await import('node:fs');
    mkdirSync(folder);
    // A file stands where the folder should be.
    writeFileSync(blocked, '');
    await expect(boot({ path: join(blocked, 'mail.db') })).rejects.toThrow('relay.path');
    rmSync(blocked);
    const { mail } = await boot({ path: join(blocked, 'mail.db') });
    const sent = next(mail, 'sent');
    expect(await mail.send(message)).toMatchObject({ status: 'queued' });
    await sent;
    expect(transport.taken).toHaveLength(1);
  });

  describe('sendMany', () => {
    it('sends what any source gives, and pulls no faster than it sends', async () => {
      const { mail } = await boot();
      let pulled = 0;
      let settled = 0;
      let most = 0;
      function* source(): Generator<MailMessage> {
        for (let n = 0; n < 500; n += 1) {
          pulled += 1;
          most = Math.max(most, pulled - settled);
          yield n === 7 ? { ...message, to: 'nobody' } : message;
        }
      }
      const outcomes = await lastValueFrom(
        mail.sendMany(source(), { concurrency: 20 }).pipe(
          filter(() => (settled += 1) > 0),
          toArray(),
        ),
      );
      expect(outcomes).toHaveLength(500);
      expect(most).toBeLessThanOrEqual(22);
      expect(outcomes.filter(({ receipt }) => receipt?.status === 'queued')).toHaveLength(499);
      expect(outcomes.find(({ index }) => index === 7)?.error).toMatchObject({
        code: 'MAIL_INVALID',
      });
      const indexes = outcomes.map(({ index }) => index).sort((a, b) => a - b);
      expect(indexes).toEqual(indexes.map((_, n) => n));
    });

    it('takes an Observable and an async source, and stops when nobody listens', async () => {
      const { mail } = await boot();
      const from = await lastValueFrom(mail.sendMany(of(message, message)).pipe(toArray()));
      expect(from).toHaveLength(2);
      let end: () => void = () => undefined;
      const ended = new Promise<void>((resolve) => (end = resolve));
      async function* endless(): AsyncGenerator<MailMessage> {
        try {
          for (;;) yield await Promise.resolve(message);
        } finally {
          end();
        }
      }
      const options = (_: MailMessage, index: number) => ({ idempotencyKey: `n:${index % 5}` });
      const some = await lastValueFrom(
        mail.sendMany(endless(), { concurrency: 4, options }).pipe(take(10), toArray()),
      );
      expect(new Set(some.map(({ receipt }) => receipt?.id)).size).toBe(5);
      await ended;
    });

    it('lets go of a source that fails to close', async () => {
      const { mail } = await boot();
      const rejections: unknown[] = [];
      const note = (reason: unknown) => rejections.push(reason);
      process.on('unhandledRejection', note);
      let closed = 0;
      async function* cursor(): AsyncGenerator<MailMessage> {
        try {
          for (;;) yield await Promise.resolve(message);
        } finally {
          closed += 1;
          throw new Error('the cursor is gone');
        }
      }
      const some = await lastValueFrom(mail.sendMany(cursor()).pipe(take(3), toArray()));
      expect(some).toHaveLength(3);
      while (closed === 0) await new Promise(setImmediate);
      await new Promise((resolve) => setTimeout(resolve, 10));
      process.off('unhandledRejection', note);
      expect(rejections).toEqual([]);
    });

    it('fails as its source does, and with the shutdown', async () => {
      const { app, mail } = await boot();
      function* broken(): Generator<MailMessage> {
        yield message;
        throw new Error('no more rows');
      }
      const seen: number[] = [];
      await expect(
        lastValueFrom(mail.sendMany(broken()).pipe(filter(({ index }) => seen.push(index) > 0))),
      ).rejects.toThrow('no more rows');
      expect(seen).toEqual([0]);
      function* endless(): Generator<MailMessage> {
        for (;;) yield message;
      }
      const sending = lastValueFrom(mail.sendMany(endless()));
      const failing = expect(sending).rejects.toMatchObject({ code: 'MAIL_SHUTDOWN' });
      await next(mail, 'queued', 50);
      await app.close();
      await failing;
    });
  });
});
