import { afterEach, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastValueFrom } from 'rxjs';
import { systemClock } from '../../../lib/base/clock.js';
import { EventBus } from '../../../lib/events/event-bus.js';
import type { MailEvent } from '../../../lib/events/mail-events.js';
import { MailService } from '../../../lib/service/mail.service.js';
import { SpoolRelay } from '../../../lib/relay/spool/index.js';
import { readSpoolOptions } from '../../../lib/relay/spool/spool.options.js';
import { nextHops, overApi, overSmtp } from '../route/helpers.js';

const COUNT = 40;
const hops = nextHops();
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

it('a route whose transports are all down pauses the relay; when one is back all goes out in order', async () => {
  Logger.overrideLogger(false);
  cleanups.push(() => Logger.overrideLogger(['error', 'warn', 'log']));
  // Both transports lead to ports where nobody listens yet.
  const smtp = await hops.smtp();
  const api = await hops.webApi();
  const { port } = smtp;
  const apiTransport = overApi(api);
  await smtp.close();
  await api.close();
  const route = hops.route([overSmtp(port), apiTransport], { breaker: { trialAfterMs: 20 } });
  const folder = mkdtempSync(join(tmpdir(), 'mail-relay-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const options = readSpoolOptions({
    path: join(folder, 'mail.db'),
    thread: false,
    pollIntervalMs: 10,
    // One attempt at a time tells the order in which mail leaves.
    concurrency: 1,
    retry: { minBackoffMs: 20, maxBackoffMs: 60 },
  });
  const relay = { relay: new SpoolRelay(options), options: options.relay };
  const mail = new MailService({ transport: route, relay, events: new EventBus(), clock: systemClock }); // prettier-ignore
  cleanups.push(() => mail.drain(1_000));
  const events: MailEvent[] = [];
  let wake: () => void = () => undefined;
  mail.events$.subscribe((event) => {
    events.push(event);
    wake();
  });
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise<void>((resolve) => (wake = resolve));
  };
  const of = (type: MailEvent['type']) => events.filter((event) => event.type === type);

  await mail.start();
  const messages = Array.from({ length: COUNT }, (_, n) => ({
    from: 'shop@example.com',
    to: `jo+${n}@example.net`,
    subject: `n${n}`,
    text: 'Hi',
  }));
  await lastValueFrom(mail.sendMany(messages, { concurrency: 1 }));
  // Several pauses, each ended by a look that found both transports still down.
  await until(() => of('deferred').length >= 1);
  await new Promise((resolve) => setTimeout(resolve, 400));
  const deferred = of('deferred');
  expect(deferred.every((event) => event.type === 'deferred' && event.transportDown)).toBe(true);
  expect(deferred.every((event) => event.type === 'deferred' && event.attempts === 0)).toBe(true);
  // The transport was asked, not one mail after the other burnt on it.
  expect(of('attempt').length).toBeLessThan(COUNT / 2);
  expect(await mail.relay!.stats()).toMatchObject({ queued: COUNT, deferred: 0, dead: 0 });
  const stored = await mail.relay!.list({ state: 'queued' });
  expect(stored.map(({ attempts }) => attempts)).toEqual(Array.from({ length: COUNT }, () => 0));

  const back = await hops.smtp({}, port);
  await until(() => of('sent').length === COUNT);
  expect(back.messages.map(({ to }) => to[0])).toEqual(messages.map(({ to }) => to));
  expect(of('dead')).toEqual([]);
});
