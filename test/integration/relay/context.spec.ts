import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsoleLogger, Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  MailModule,
  MailService,
  OnMail,
  type Mail,
  type MailDelivery,
  type MailEvent,
  type MailInterceptor,
  type MailMessage,
  type MailTransportConfig,
} from '../../../lib/index.js';
import { bullRelay } from '../../../lib/relay/bull/index.js';
import type { MailRelayDefinition } from '../../../lib/relay/relay-definition.js';
import { spoolRelay } from '../../../lib/relay/spool/index.js';
import { RETRY_DEFAULTS } from '../../../lib/relay/retry-policy.js';
import { MemoryRelay } from '../../../lib/testing/memory-relay.js';
import { startMailServer, type MailServer } from '../../../lib/testing/index.js';
import {
  startSendGridServer,
  type SendGridServer,
} from '../../../sample/stand-ins/src/sendgrid-server.js';
import { RedisServer } from '../../fixtures/redis-server.js';
import { accept } from '../../fixtures/scripted-transport.js';
import { KEY } from '../web-api/helpers.js';

const CALLERS = 50;
const caller = new AsyncLocalStorage<number>();

/** What ran: `what`, for whose mail, in whose context; that is `undefined` outside every one. */
let seen: { what: string; of: number | undefined; context: number | undefined }[] = [];
const note = (what: string, of?: number) => seen.push({ what, of, context: caller.getStore() });
const callerOf = ({ metadata }: { metadata?: Readonly<Record<string, string>> }) =>
  Number(metadata?.['caller']);

@Injectable()
class Listener {
  @OnMail('sent')
  onSent(event: MailEvent & { metadata: Readonly<Record<string, string>> }): void {
    note('@OnMail', callerOf(event));
  }
}

@Injectable()
class Interceptor implements MailInterceptor {
  intercept(message: MailMessage): MailMessage {
    note('interceptor', callerOf(message));
    return message;
  }
}

/** A transport of the user's own, which looks where it runs. */
class Watched {
  readonly name = 'watched';

  async deliver(mail: Mail): Promise<MailDelivery> {
    note('transport', callerOf(mail));
    await new Promise(setImmediate);
    note('transport, later', callerOf(mail));
    return accept(mail);
  }

  async verify(): Promise<void> {
    note('verify');
  }

  async close(): Promise<void> {
    return;
  }

  async destroy(): Promise<void> {
    return;
  }
}

describe('whose context things run in', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mail-context-'));
  let app: TestingModule | undefined;
  let smtp: MailServer;
  let api: SendGridServer;
  let redis: RedisServer;
  const onSocket = () => note('socket');

  beforeAll(async () => {
    smtp = await startMailServer();
    api = await startSendGridServer();
    redis = await RedisServer.start();
  });
  beforeEach(() => {
    seen = [];
  });
  afterEach(async () => {
    unsubscribe('net.client.socket', onSocket);
    await app?.close();
    app = undefined;
  });
  afterAll(async () => {
    await Promise.all([smtp.close(), api.close(), redis.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const transports: Record<string, () => MailTransportConfig> = {
    'a transport of the user’s own': () => new Watched(),
    'an SMTP pool': () => {
      return { type: 'smtp', host: '127.0.0.1', port: smtp.port, pool: { maxConnections: 3 } };
    },
    'a Web API': () => {
      return { type: 'web-api', provider: 'sendgrid', apiKey: KEY, baseUrl: api.url };
    },
  };
  const relays: Record<string, () => MailRelayDefinition | undefined> = {
    'no relay': () => undefined,
    memory: () => {
      const options = { role: 'both', retry: RETRY_DEFAULTS } as const;
      return { register: () => ({ create: () => ({ relay: new MemoryRelay(), options }) }) };
    },
    spool: () => {
      const path = join(folder, `${Math.random()}.db`);
      return spoolRelay({ path, pollIntervalMs: 10, thread: false });
    },
    bull: () => bullRelay({ redis: redis.url, queue: `q${Math.random()}` }),
  };

  async function sendAll(
    transport: MailTransportConfig,
    relay: MailRelayDefinition | undefined,
  ): Promise<void> {
    app = await Test.createTestingModule({
      imports: [
        MailModule.forRoot({ transport, interceptors: [Interceptor], ...(relay && { relay }) }),
      ],
      providers: [Listener],
    })
      .setLogger(new ConsoleLogger({ logLevels: [] }))
      .compile();
    await app.init();
    // From here on connections to the next hop are opened only because of a caller's mail.
    subscribe('net.client.socket', onSocket);
    const mail = app.get(MailService);
    let sent = 0;
    const done = new Promise<void>((resolve) => {
      mail.events$.subscribe((event) => {
        if (!('metadata' in event)) return;
        note(`event ${event.type}`, callerOf(event));
        if (event.type === 'sent' && (sent += 1) === 2 * CALLERS) resolve();
      });
    });
    // Twice, so that connections which one caller's mail opened carry the others' later.
    for (const round of [1, 2]) {
      await Promise.all(
        Array.from({ length: CALLERS }, (_, n) =>
          caller.run(n, async () => {
            const message = { from: 'a@example.com', to: `c${n}@example.net`, text: `Hi ${round}` };
            await mail.send({ ...message, subject: 'Hi', metadata: { caller: String(n) } });
            note('after send', n);
          }),
        ),
      );
    }
    await done;
  }

  // In the caller's own context by their nature.
  const own = ['interceptor', 'after send', 'event queued'];

  describe.each(Object.keys(relays))('with %s', (kind) => {
    it.each(Object.keys(transports))(
      'over %s',
      async (name) => {
        await sendAll(transports[name]!(), relays[kind]!());
        const withRelay = kind !== 'no relay';
        const kinds = new Set(seen.map(({ what }) => what));
        for (const what of [
          'interceptor',
          'after send',
          'event attempt',
          'event sent',
          '@OnMail',
        ]) {
          expect(kinds).toContain(what);
        }
        expect(kinds.has('event queued')).toBe(withRelay);
        if (name === 'a transport of the user’s own') expect(kinds).toContain('transport, later');
        for (const one of seen) {
          const { what, of } = one;
          // What serves everybody is in nobody's context, and so is what a relay does later.
          const everybodys = of === undefined || (withRelay && !own.includes(what));
          expect(one).toEqual({ what, of, context: everybodys ? undefined : of });
        }
        if (name !== 'a transport of the user’s own') expect(kinds).toContain('socket');
      },
      60_000,
    );
  });
});
