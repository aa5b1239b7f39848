import { describe, expect, it } from '@jest/globals';
import { ConsoleLogger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastValueFrom } from 'rxjs';
import { createTransport, MailModule, MailService } from '../../../lib/index.js';
import { spoolRelay } from '../../../lib/relay/spool/index.js';
import { capacityOf } from '../../../lib/transports/transport.js';
import { testMail } from '../../fixtures/mail.js';
import { smtpTransports } from '../../fixtures/smtp-transports.js';
import { MODE_NAMES, MODES } from '../smtp/modes.js';

const servers = smtpTransports();
const pool = { maxConnections: 3, maxInFlight: 7 };
const API = { type: 'web-api', provider: 'sendgrid', apiKey: 'SG.x' } as const;

describe('how many mails a transport can have under way', () => {
  it.each([
    [{ host: 'mx.example', pool }, 21],
    [{ host: 'mx.example', pool, chunking: false }, 6],
    [{ host: 'mx.example', pool: { ...pool, maxInFlight: 1 }, chunking: false }, 3],
    [{ host: 'mx.example', pool, pipelining: false }, 3],
    // What may not wait is not asked for.
    [{ host: 'mx.example', pool: { ...pool, maxQueued: 4 } }, 7],
  ])('SMTP, by its options, before it has seen the server', (options, expected) => {
    expect(createTransport({ type: 'smtp', ...options }).capacity).toBe(expected);
  });

  it.each(MODE_NAMES)('SMTP, once it has seen the server (%s)', async (mode) => {
    const { transport } = await servers.start({ capabilities: MODES[mode] }, { pool });
    await transport.deliver(testMail());
    expect(transport.capacity).toBe({ lockstep: 3, pipelining: 6, chunking: 21 }[mode]);
  });

  const own = (capacity: unknown) => ({
    name: 'own',
    capacity,
    deliver: async () => ({}),
    verify: async () => undefined,
    close: async () => undefined,
    destroy: async () => undefined,
  });

  it.each([0, -1, 0.5, NaN, '10', null])(
    "refuses %p of a user's own transport by name",
    (capacity) => {
      expect(() => createTransport(own(capacity))).toThrow(
        /transport\.capacity` to be absent, or at least 1/,
      );
    },
  );

  it.each([
    [Infinity, Infinity],
    [2.5, 2],
    [undefined, 100],
  ])("takes %p of a user's own transport as %p", (capacity, expected) => {
    expect(capacityOf(createTransport(own(capacity)))).toBe(expected);
  });

  it.each([
    [NaN, 100],
    [0, 1],
    [-5, 1],
  ])("takes %p of a user's own transport that learns it later as %p", (later, expected) => {
    const transport = createTransport(own(10));
    expect(capacityOf(Object.assign(transport, { capacity: later }))).toBe(expected);
  });

  it('a Web API, by its connections', () => {
    expect(createTransport({ ...API, connections: 4 }).capacity).toBe(4);
  });

  it('a server whose port is looked for, as the transport over that port', () => {
    const transport = createTransport({ type: 'smtp', host: 'mx.example', ports: 'probe', pool });
    expect(transport.capacity).toBe(21);
  });

  it.each([
    ['failover', 21],
    ['fastest', 21],
    ['round-robin', 25],
  ] as const)('a route, by what it does with its transports (%s)', (strategy, expected) => {
    const smtp = { type: 'smtp', host: 'mx.example', pool, requireTLS: true } as const;
    const transports = [smtp, { ...API, connections: 4 }];
    expect(createTransport({ type: 'route', strategy, transports }).capacity).toBe(expected);
  });

  it('a route does not count a transport that is down', async () => {
    const { server, transport } = await servers.start();
    await server.close();
    const transports = [{ transport: transport }, { transport: 'memory:' }];
    const route = createTransport({ type: 'route', strategy: 'failover', transports });
    expect(route.capacity).toBe(250);
    await route.deliver(testMail());
    expect(route.capacity).toBe(100);
    await route.destroy();
  });
});

/** Takes mail by BDAT, ahead as it comes, and answers no content until it is told to. */
async function startMuteServer() {
  let complete = 0;
  let answering = false;
  const owed: (() => void)[] = [];
  const seen = new EventEmitter();
  const serve = (socket: Socket): void => {
    socket.on('error', () => undefined);
    socket.write('220 mute\r\n');
    let input = '';
    let replies = '';
    let waiting = false;
    const flush = (): void => {
      if (replies !== '' && !socket.destroyed) socket.write(replies);
      replies = '';
    };
    // Replies keep their order: what comes after an unanswered content waits with it.
    const say = (text: string, content = false): void => {
      if (answering || (!content && !waiting)) replies += text;
      else {
        waiting = true;
        owed.push(() => socket.write(text));
      }
    };
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      input += chunk;
      for (let end = input.indexOf('\n'); end >= 0; end = input.indexOf('\n')) {
        const line = input.slice(0, end).trim();
        const size = /^BDAT (\d+)/.exec(line)?.[1];
        if (size !== undefined && input.length < end + 1 + Number(size)) break;
        input = input.slice(end + 1 + Number(size ?? 0));
        if (size !== undefined) complete += 1;
        const greeting = `250-mute\r\n250-PIPELINING\r\n250 CHUNKING\r\n`;
        say(line.startsWith('EHLO') ? greeting : '250 2.0.0 ok\r\n', size !== undefined);
      }
      flush();
      seen.emit('more');
    });
  };
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get complete() {
      return complete;
    },
    async until(condition: () => boolean): Promise<void> {
      while (!condition()) await once(seen, 'more');
    },
    answer(): void {
      answering = true;
      for (const reply of owed.splice(0)) reply();
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

describe('a relay over SMTP', () => {
  it('keeps every connection full, and no fuller', async () => {
    const server = await startMuteServer();
    const folder = mkdtempSync(join(tmpdir(), 'mail-relay-'));
    const app = await Test.createTestingModule({
      imports: [
        MailModule.forRoot({
          transport: { type: 'smtp', host: '127.0.0.1', port: server.port, pool },
          relay: spoolRelay({ path: join(folder, 'mail.db'), thread: false }),
        }),
      ],
    })
      .setLogger(new ConsoleLogger({ logLevels: [] }))
      .compile();
    try {
      await app.init();
      const mail = app.get(MailService);
      let sent = 0;
      let attempts = 0;
      const all = new Promise<void>((resolve) => {
        mail.events$.subscribe(({ type }) => {
          if (type === 'attempt') attempts += 1;
          if (type === 'sent' && (sent += 1) === 60) resolve();
        });
      });
      const messages = Array.from({ length: 60 }, (_, n) => ({
        from: 'shop@example.com',
        to: `jo+${n}@example.net`,
        text: 'Hi',
      }));
      await lastValueFrom(mail.sendMany(messages));
      await server.until(() => server.complete >= 3 * 7);
      expect({ complete: server.complete, attempts, sent }).toEqual({
        complete: 3 * 7,
        attempts: 3 * 7,
        sent: 0,
      });
      server.answer();
      await all;
      expect(server.complete).toBe(60);
    } finally {
      server.answer();
      await app.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
