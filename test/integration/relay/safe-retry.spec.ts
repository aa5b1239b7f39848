import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../lib/base/clock.js';
import { EventBus } from '../../../lib/events/event-bus.js';
import type { MailEvent } from '../../../lib/events/mail-events.js';
import { SpoolRelay } from '../../../lib/relay/spool/index.js';
import { readSpoolOptions } from '../../../lib/relay/spool/spool.options.js';
import { MailService } from '../../../lib/service/mail.service.js';
import { createTransport } from '../../../lib/transports/transport.factory.js';
import { acme } from '../../fixtures/providers/acme/acme.manifest.js';
import { AcmeServer } from '../../fixtures/providers/acme-server.js';
import { nextHops, overSmtp } from '../route/helpers.js';

const hops = nextHops();
const cleanups: (() => unknown)[] = [];
const message = { from: 'shop@example.com', to: 'jo@example.net', subject: 'Hi', text: 'Hi' };
let server: AcmeServer;

beforeEach(async () => {
  Logger.overrideLogger(false);
  server = await AcmeServer.start();
  cleanups.push(
    () => Logger.overrideLogger(['error', 'warn', 'log']),
    () => server.close(),
  );
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A service whose relay would wait five minutes before it sends again what may have been accepted. */
async function service(transport: unknown, retry: object = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'mail-relay-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const options = readSpoolOptions({
    path: join(folder, 'mail.db'),
    thread: false,
    pollIntervalMs: 10,
    retry: { minBackoffMs: 50, ...retry },
  });
  const mail = new MailService({
    transport: createTransport(transport, { providers: [acme] }),
    relay: { relay: new SpoolRelay(options), options: options.relay },
    events: new EventBus(),
    clock: systemClock,
  });
  cleanups.push(() => mail.drain(1_000));
  const next = (type: MailEvent['type']) =>
    new Promise<MailEvent>((resolve) => {
      mail.events$.subscribe((event) => {
        if (event.type === type) resolve(event);
      });
    });
  await mail.start();
  return { mail, next };
}

const overAcme = () => ({
  type: 'web-api',
  provider: 'acme',
  apiKey: 'ak_stand_in',
  baseUrl: server.url,
});

const keys = () =>
  server.requests.map(({ rawHeaders }) => {
    const at = rawHeaders.findIndex((one) => one.toLowerCase() === 'idempotency-key');
    return rawHeaders[at + 1];
  });

it('a mail whose answer was lost goes again with the same key within its time, and is there once', async () => {
  const { mail, next } = await service(overAcme());
  const sent = next('sent');
  server.script({ drop: 'after-body' });
  const { id } = await mail.send(message);
  await sent;
  expect(keys()).toEqual([id, id]);
  expect(server.accepted).toHaveLength(1);
  expect(await mail.relay!.stats()).toMatchObject({ queued: 0, deferred: 0, dead: 0 });
});

it('so it does behind a route, where no other transport gets it', async () => {
  const smtp = await hops.smtp();
  const transports = [overAcme(), overSmtp(smtp.port)];
  const { mail, next } = await service({ type: 'route', strategy: 'failover', transports });
  const sent = next('sent');
  server.script({ drop: 'after-body' });
  const { id } = await mail.send(message);
  await sent;
  expect(keys()).toEqual([id, id]);
  expect(server.accepted).toHaveLength(1);
  expect(smtp.connections).toHaveLength(0);
});

it('one whose answers are always lost is held, after one attempt more than others have', async () => {
  const { mail, next } = await service(overAcme());
  const dead = next('dead');
  for (let i = 0; i < 9; i += 1) server.script({ drop: 'after-body' });
  const { id } = await mail.send(message);
  expect(await dead).toMatchObject({ reason: 'held' });
  expect(keys()).toEqual([id, id, id]);
  expect(server.accepted).toHaveLength(1);
});

it('with `hold` it does not go again', async () => {
  const { mail, next } = await service(overAcme(), { onUnknown: 'hold' });
  const dead = next('dead');
  server.script({ drop: 'after-body' });
  await mail.send(message);
  expect(await dead).toMatchObject({ reason: 'held' });
  expect(server.requests).toHaveLength(1);
});
