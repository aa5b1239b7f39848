import { afterEach, describe, expect, it } from '@jest/globals';
import type { MailTransport } from '../../../lib/transports/transport.js';
import { createTransport } from '../../../lib/transports/transport.factory.js';
import { testCertificates } from '../../fixtures/certificates.js';
import { closedPort } from '../../fixtures/dropped-port.js';
import { testMail } from '../../fixtures/mail.js';
import { failureOf } from '../../fixtures/smtp-transports.js';
import { TcpLink } from '../../fixtures/tcp-link.js';
import { nextHops, overApi } from './helpers.js';

const hops = nextHops();
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function transport(options: object): MailTransport {
  const made = createTransport({
    type: 'smtp',
    host: '127.0.0.1',
    name: 'client.test',
    ...options,
  });
  cleanups.push(() => made.destroy());
  return made;
}

const portOf = (name: string) => Number(name.split(':').at(-1));

describe('finding the open port', () => {
  it('takes the first that is open, and keeps to it', async () => {
    const [a, b] = [await hops.smtp(), await hops.smtp()];
    const server = transport({ ports: [a.port, b.port] });
    for (let i = 0; i < 3; i += 1) {
      expect(portOf((await server.deliver(testMail())).transport)).toBe(a.port);
    }
    expect(b.connections).toHaveLength(0);
    // One to see that it is open, one to work with.
    expect(a.connections).toHaveLength(2);
  });

  it('passes over refused and dropped ports, once', async () => {
    const [refused, dropped] = [await closedPort(), await hops.dropped()];
    const open = await hops.smtp();
    const server = transport({ ports: [refused, dropped.port, open.port] });
    const mails = Array.from({ length: 10 }, () => server.deliver(testMail()));
    for (const mail of await Promise.all(mails)) expect(portOf(mail.transport)).toBe(open.port);
    expect(open.messages).toHaveLength(10);
    // However many wait: one connection found the port, the rest are the pool's.
    expect(open.connections.filter(({ commands }) => commands.length === 0)).toHaveLength(1);
  });

  it("tries the well-known ports in their order: 587 refused, the server's 2525 open", async () => {
    const server = await hops.smtp();
    const link = await TcpLink.open('127.25.25.1', 2525, server.port);
    cleanups.push(() => link.close());
    const { transport: taken } = await transport({ host: '127.25.25.1', ports: 'probe' }).deliver(
      testMail(),
    );
    expect(taken).toBe('smtp:127.25.25.1:2525');
    expect(server.messages).toHaveLength(1);
  });

  it('goes to another port when one takes connections and never greets', async () => {
    const mute = await hops.smtp({ script: { greeting: { hang: true } } });
    const open = await hops.smtp();
    const server = transport({ ports: [mute.port, open.port], timeouts: { greetingMs: 100 } });
    expect(portOf((await server.deliver(testMail())).transport)).toBe(open.port);
    expect(portOf((await server.deliver(testMail())).transport)).toBe(open.port);
    expect(mute.connections).toHaveLength(2);
  });

  it('looks again when the port that worked closes', async () => {
    const [a, b] = [await hops.smtp(), await hops.smtp()];
    const server = transport({ ports: [a.port, b.port] });
    await server.deliver(testMail());
    const { port } = a;
    await a.close();
    expect(portOf((await server.deliver(testMail())).transport)).toBe(b.port);
    const again = await hops.smtp({}, port);
    await b.close();
    expect(portOf((await server.deliver(testMail())).transport)).toBe(again.port);
  });

  it.each<[string, object, string]>([
    ['a refused message', { mail: '550 5.1.0 no' }, 'MAIL_SENDER'],
    ['421', { greeting: '421 busy' }, 'MAIL_SERVICE'],
    ['a lost reply', { final: { drop: 'before' } }, 'MAIL_CONNECTION_LOST'],
  ])('does not take %s to another port', async (_, script, code) => {
    const [a, b] = [await hops.smtp({ script }), await hops.smtp()];
    const error = await failureOf(transport({ ports: [a.port, b.port] }).deliver(testMail()));
    expect(error.code).toBe(code);
    expect(b.connections).toHaveLength(0);
  });

  it('says which ports it tried, and tries them again with the next mail', async () => {
    const ports = [await closedPort(), await closedPort()];
    const server = transport({ ports });
    const error = await failureOf(server.deliver(testMail()));
    expect(error).toMatchObject({ code: 'MAIL_CONNECT', disposition: 'retry', fault: 'transport' });
    expect(error.message).toContain(ports.join(', '));
    await hops.smtp({}, ports[1]);
    expect(portOf((await server.deliver(testMail())).transport)).toBe(ports[1]);
  });

  it('stops looking when the caller aborts or it is destroyed', async () => {
    const dropped = await hops.dropped();
    const server = transport({ ports: [dropped.port] });
    const stop = new AbortController();
    const aborted = failureOf(server.deliver(testMail(), { signal: stop.signal }));
    const torn = failureOf(server.deliver(testMail()));
    stop.abort();
    expect((await aborted).code).toBe('MAIL_ABORTED');
    await server.destroy();
    expect((await torn).code).toBe('MAIL_ABORTED');
    await expect(server.deliver(testMail())).rejects.toMatchObject({ code: 'MAIL_SHUTDOWN' });
  });
});

describe('an equally secure port only', () => {
  const { ca, good } = testCertificates();

  it('passes over a port without TLS when TLS is required', async () => {
    const bare = await hops.smtp();
    const tls = await hops.smtp({ tls: good });
    const options = { requireTLS: true, tls: { ca } };
    const server = transport({ ports: [bare.port, tls.port], ...options });
    expect(portOf((await server.deliver(testMail())).transport)).toBe(tls.port);
    expect(bare.commands.filter((line) => !/^(EHLO|STARTTLS|QUIT)/.test(line))).toEqual([]);
    expect(tls.messages[0]!.connection.secure).toBe(true);
  });

  it('fails rather than fall back to plain text', async () => {
    const bare = await hops.smtp();
    const server = transport({ ports: [bare.port], requireTLS: true });
    expect((await failureOf(server.deliver(testMail()))).code).toBe('MAIL_TLS');
    expect(bare.messages).toHaveLength(0);
  });

  it('asks STARTTLS of the submission ports where TLS from the first byte was meant', async () => {
    const bare = await hops.smtp();
    const link = await TcpLink.open('127.25.25.2', 2525, bare.port);
    cleanups.push(() => link.close());
    const server = transport({ host: '127.25.25.2', secure: true, ports: [2525] });
    expect((await failureOf(server.deliver(testMail()))).code).toBe('MAIL_TLS');
    expect(bare.messages).toHaveLength(0);
  });
});

describe.each(['refused', 'dropped'])('mail ports that are blocked: %s', (how) => {
  const TRIAL_MS = 300;

  it('sends over the Web API at once, and over SMTP again within the trial time', async () => {
    const blocked = how === 'dropped' ? [await hops.dropped(), await hops.dropped()] : [];
    const ports =
      how === 'dropped'
        ? blocked.map(({ port }) => port)
        : [await closedPort(), await closedPort()];
    const api = await hops.webApi();
    const smtp = { type: 'smtp', host: '127.0.0.1', ports };
    const route = hops.route([smtp, overApi(api)], { breaker: { trialAfterMs: TRIAL_MS } });

    // The bound that matters here is the requirement's own, not a measure of speed.
    const from = performance.now();
    await route.deliver(testMail());
    expect(performance.now() - from).toBeLessThan(3_000);
    expect(api.accepted).toHaveLength(1);
    for (let i = 0; i < 5; i += 1) {
      expect((await route.deliver(testMail())).hops).toHaveLength(1);
    }
    expect(api.accepted).toHaveLength(6);

    for (const port of blocked) await port.close();
    const server = await hops.smtp({}, ports[0]);
    const opened = performance.now();
    const waits: number[] = [route.status()[0]!.trialInMs ?? 0];
    while (server.messages.length === 0) {
      const { hops: taken } = await route.deliver(testMail());
      expect(taken).toHaveLength(1);
      const { trialInMs } = route.status()[0]!;
      if (trialInMs !== undefined) waits.push(trialInMs);
    }
    expect(Math.max(...waits)).toBeLessThanOrEqual(TRIAL_MS);
    // One trial may have begun just before the ports opened; it lasts as long as a search, 2 s.
    expect(performance.now() - opened).toBeLessThan(2_000 + TRIAL_MS + 1_000);
  });
});

it('leaves a Web API whose packets are dropped within 3 s, too', async () => {
  const [dropped, server] = [await hops.dropped(), await hops.smtp()];
  const url = `http://127.0.0.1:${dropped.port}`;
  const route = hops.route([
    overApi({ url }),
    { type: 'smtp', host: '127.0.0.1', port: server.port },
  ]);
  const from = performance.now();
  const { hops: taken } = await route.deliver(testMail());
  expect(performance.now() - from).toBeLessThan(3_000);
  expect(taken).toMatchObject([{ error: { code: 'MAIL_CONNECT' } }, { outcome: 'accepted' }]);
  expect((await route.deliver(testMail())).hops).toHaveLength(1);
});
