import { afterEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../../lib/base/clock.js';
import { EventBus } from '../../../lib/events/event-bus.js';
import { bullRelay } from '../../../lib/relay/bull/index.js';
import type { MailRelay } from '../../../lib/relay/relay.js';
import { SpoolRelay } from '../../../lib/relay/spool/index.js';
import { readSpoolOptions } from '../../../lib/relay/spool/spool.options.js';
import { MailService } from '../../../lib/service/mail.service.js';
import { RETRY_DEFAULTS } from '../../../lib/relay/retry-policy.js';
import { RedisServer } from '../../fixtures/redis-server.js';
import { ScriptedTransport } from '../../fixtures/scripted-transport.js';
import { openRelay } from '../bull/helpers.js';

const STORED = fileURLToPath(new URL('../../fixtures/stored/0.1.0/', import.meta.url));

Logger.overrideLogger(false);

/** What 0.1.0 stored, opened by this release. */
const storages: Record<string, () => Promise<{ relay: MailRelay; close(): Promise<void> }>> = {
  spool: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mail-stored-'));
    const path = join(folder, 'mail.db');
    copyFileSync(join(STORED, 'spool.db'), path);
    const relay = new SpoolRelay(readSpoolOptions({ path, thread: false, pollIntervalMs: 10 }));
    const close = async () => {
      await relay.close();
      rmSync(folder, { recursive: true });
    };
    return { relay, close };
  },
  bull: async () => {
    const redis = await RedisServer.restore(join(STORED, 'dump.rdb'));
    const open = await openRelay(bullRelay({ redis: redis.url, queue: 'mail', prefix: 'bull' }));
    const close = async () => {
      await open.close();
      await redis.close();
    };
    return { relay: open.relay, close };
  },
};

describe.each(Object.keys(storages))('what 0.1.0 stored in %s', (kind) => {
  let close: (() => Promise<void>) | undefined;
  afterEach(() => close?.());

  it.each([undefined, 'orders'])(
    'is listed and delivered, by mailer %s',
    async (name) => {
      const { relay, close: end } = await storages[kind]!();
      close = end;
      await relay.open();
      const transport = new ScriptedTransport();
      const service = new MailService({
        ...(name !== undefined && { name }),
        transport,
        relay: { relay, options: { role: 'both', retry: RETRY_DEFAULTS } },
        events: new EventBus(),
        clock: systemClock,
      });
      // A key that has no digest answers as it did then, whatever the message.
      const message = { from: 'a@example.com', to: 'b@example.net', text: 'another' };
      const again = await service.send(message, { idempotencyKey: 'key-queued' });
      await service.start();
      try {
        // Over Redis the worker takes it over, and it is that mailer's then.
        let dead = await relay.list();
        while (dead.length < 2) dead = await relay.list();
        expect(dead.map(({ reason }) => reason).sort()).toEqual(['held', 'permanent']);
        expect(
          dead.every(
            ({ mailer, unknowns }) => (mailer === undefined || mailer === name) && unknowns === 0,
          ),
        ).toBe(true);
        // It was called `road` then.
        for (const { failure } of dead) {
          expect(failure).toMatchObject({ transport: expect.any(String) as unknown });
          expect(failure).not.toHaveProperty('road');
        }
        const [later] = await relay.list({ state: 'scheduled' });
        expect(new Date(later!.dueAt!).getUTCFullYear()).toBe(2099);
        await service.relay!.retry('all');
        for (;;) {
          const { queued, deferred, leased } = await relay.stats();
          if (queued + deferred + leased === 0) break;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        const sent = transport.taken.map(({ mail }) => mail);
        // Refused, deferred, held, the rest of one, high and low, each once.
        expect(new Set(sent.map(({ id }) => id)).size).toBe(sent.length);
        expect(sent).toHaveLength(6);
        const to = sent.map(({ envelope }) => envelope.to);
        expect(to.filter((one) => one.length === 1 && one[0] === 'ann@example.net')).not.toEqual(
          [],
        );
        const rich = sent.find(({ attachments }) => attachments.length > 0);
        expect(rich?.attachments[0]?.content.length).toBeGreaterThan(0);
        expect(rich?.tags.length).toBeGreaterThan(0);
        expect(sent.map(({ id }) => id)).toContain(again.id);
      } finally {
        await service.drain(1_000);
      }
    },
    60_000,
  );
});
