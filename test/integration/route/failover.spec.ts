import { describe, expect, it } from '@jest/globals';
import type { MailHop } from '../../../lib/transports/transport.js';
import type { SendGridStep } from '../../../sample/stand-ins/src/sendgrid-server.js';
import { closedPort } from '../../fixtures/dropped-port.js';
import { testMail } from '../../fixtures/mail.js';
import type { ScriptedSmtpOptions } from '../../fixtures/scripted-smtp-server.js';
import { accept, fault, ScriptedTransport } from '../../fixtures/scripted-transport.js';
import { failureOf } from '../../fixtures/smtp-transports.js';
import { eventually, nextHops, overApi, overSmtp } from './helpers.js';

const hops = nextHops();

const SOON = { timeouts: { greetingMs: 100 } };
const AUTH_REFUSED: ScriptedSmtpOptions = {
  capabilities: ['AUTH PLAIN'],
  script: { auth: '535 5.7.8 no' },
};

describe('a fault of the transport', () => {
  it.each<[string, ScriptedSmtpOptions, object, string]>([
    ['greets with 421', { script: { greeting: '421 busy' } }, {}, 'MAIL_SERVICE'],
    ['greets with 554', { script: { greeting: '554 no' } }, {}, 'MAIL_SERVICE'],
    ['greets too late', { script: { greeting: { hang: true } } }, SOON, 'MAIL_TIMEOUT'],
    ['has no STARTTLS', {}, { requireTLS: true }, 'MAIL_TLS'],
    ['refuses the login', AUTH_REFUSED, { auth: { user: 'u', pass: 'p' } }, 'MAIL_AUTH'],
    ['says 421 to MAIL', { script: { mail: '421 4.3.2 going down' } }, {}, 'MAIL_SERVICE'],
    ['drops at DATA', { script: { data: { drop: 'reset' } } }, {}, 'MAIL_CONNECTION_LOST'],
  ])('goes on when an SMTP server %s', async (_, script, options, code) => {
    const server = await hops.smtp(script);
    const api = await hops.webApi();
    const route = hops.route([overSmtp(server.port, options), overApi(api)]);
    const mail = testMail();
    const delivery = await route.deliver(mail);

    expect(api.accepted).toHaveLength(1);
    expect(server.messages).toHaveLength(0);
    expect(delivery.transport).toBe(`sendgrid:127.0.0.1:${api.port}`);
    expect(delivery.accepted).toEqual(mail.envelope.to);
    expect(delivery.hops).toEqual([
      expect.objectContaining({
        transport: `smtp:127.0.0.1:${server.port}`,
        outcome: 'failed',
        error: expect.objectContaining({ code, disposition: 'retry' }),
      }),
      expect.objectContaining({ transport: delivery.transport, outcome: 'accepted' }),
    ]);
  });

  it.each<[string, SendGridStep, string]>([
    ['401', { status: 401 }, 'MAIL_AUTH'],
    ['403', { status: 403 }, 'MAIL_AUTH'],
    ['429', { status: 429, headers: { 'retry-after': '7' } }, 'MAIL_RATE'],
    ['500', { status: 500 }, 'MAIL_SERVICE'],
    ['503', { status: 503 }, 'MAIL_SERVICE'],
  ])('goes on when the Web API answers %s', async (_, step, code) => {
    const api = await hops.webApi();
    api.script(step);
    const server = await hops.smtp();
    const route = hops.route([overApi(api), overSmtp(server.port)]);
    const delivery = await route.deliver(testMail());
    expect(server.messages).toHaveLength(1);
    expect(delivery.hops?.map(({ error }) => error?.code)).toEqual([code, undefined]);
  });

  it('goes on when connects are refused, and later mail does not try', async () => {
    const port = await closedPort();
    const server = await hops.smtp();
    const route = hops.route([overSmtp(port), overSmtp(server.port)]);
    expect((await route.deliver(testMail())).hops).toHaveLength(2);
    expect((await route.deliver(testMail())).hops).toHaveLength(1);
    expect(route.status()).toEqual([
      expect.objectContaining({ state: 'open', error: expect.anything() }),
      expect.objectContaining({ state: 'closed', latencyMs: expect.any(Number) }),
    ]);
  });

  it('goes on when a host has no address', async () => {
    const server = await hops.smtp();
    const lost = { type: 'smtp', host: 'no-such-host.invalid', port: 587, requireTLS: true };
    const route = hops.route([lost, overSmtp(server.port)]);
    const [first] = (await route.deliver(testMail())).hops!;
    expect(first?.error?.code).toBe('MAIL_DNS');
  });
});

describe('a fault of the message', () => {
  it.each<[string, ScriptedSmtpOptions['script'], string]>([
    ['MAIL with 550', { mail: '550 5.1.0 no' }, 'MAIL_SENDER'],
    ['MAIL with 451', { mail: '451 4.3.0 later' }, 'MAIL_SENDER'],
    ['RCPT with 550', { rcpt: '550 5.1.1 nobody' }, 'MAIL_RECIPIENTS'],
    ['the content with 554', { final: '554 5.7.1 spam' }, 'MAIL_CONTENT'],
    ['the content with 451', { final: '451 4.7.1 later' }, 'MAIL_CONTENT'],
  ])('never goes on, and opens nothing: %s', async (_, script, code) => {
    const server = await hops.smtp({ script });
    const api = await hops.webApi();
    const route = hops.route([overSmtp(server.port), overApi(api)]);
    for (let i = 0; i < 4; i += 1) {
      const error = await failureOf(route.deliver(testMail()));
      expect(error).toMatchObject({ code, fault: 'message' });
    }
    expect(api.requests).toHaveLength(0);
    expect(route.status()[0]!.state).toBe('closed');
  });

  it.each([400, 413])('never goes on, and opens nothing: HTTP %i', async (status) => {
    const api = await hops.webApi();
    api.script({ status }, { status }, { status }, { status });
    const server = await hops.smtp();
    const route = hops.route([overApi(api), overSmtp(server.port)]);
    for (let i = 0; i < 4; i += 1) {
      const error = await failureOf(route.deliver(testMail()));
      expect(error).toMatchObject({ code: 'MAIL_CONTENT', disposition: 'permanent' });
    }
    expect(server.connections).toHaveLength(0);
    expect(route.status()[0]!.state).toBe('closed');
  });

  it('keeps a partial delivery as it is', async () => {
    const refuse = ({ address }: { address: string }) =>
      address.startsWith('bad') ? '550 5.1.1 nobody' : undefined;
    const server = await hops.smtp({ script: { rcpt: refuse } });
    const api = await hops.webApi();
    const route = hops.route([overSmtp(server.port), overApi(api)]);
    const mail = testMail({ to: ['good@example.net', 'bad@example.net'] });
    const { accepted, rejected, hops: taken } = await route.deliver(mail);
    expect(accepted).toEqual(['good@example.net']);
    expect(rejected.map(({ address }) => address)).toEqual(['bad@example.net']);
    expect(taken?.map(({ outcome }) => outcome)).toEqual(['partial']);
    expect(api.requests).toHaveLength(0);
  });
});

describe('what a transport cannot carry', () => {
  const later = () => testMail({ sendAt: new Date(Date.now() + 3_600_000) });

  it('goes on to one that can, and opens nothing', async () => {
    const server = await hops.smtp();
    const api = await hops.webApi();
    const route = hops.route([overSmtp(server.port), overApi(api)]);
    const delivery = await route.deliver(later());
    expect(delivery.hops?.map(({ error }) => error?.code)).toEqual(['MAIL_UNSUPPORTED', undefined]);
    expect(route.status()[0]!.state).toBe('closed');
  });

  it('is permanent when no transport can', async () => {
    const server = await hops.smtp();
    const route = hops.route([overSmtp(server.port), overSmtp(server.port)]);
    const error = await failureOf(route.deliver(later()));
    expect(error).toMatchObject({ code: 'MAIL_UNSUPPORTED', disposition: 'permanent' });
  });

  it('is no verdict while the transport that could is down', async () => {
    const server = await hops.smtp();
    const port = await closedPort();
    const down = overApi({ url: `http://127.0.0.1:${port}` });
    const route = hops.route([overSmtp(server.port), down]);
    for (let i = 0; i < 2; i += 1) {
      const error = await failureOf(route.deliver(later()));
      expect(error).toMatchObject({
        code: 'MAIL_CONNECT',
        disposition: 'retry',
        fault: 'transport',
      });
    }
  });
});

describe('a mail that may have been accepted', () => {
  const lostReply: ScriptedSmtpOptions = {
    script: { final: ({ count }) => (count === 1 ? { drop: 'before' } : undefined) },
  };

  it('stays on its transport, also when it is sent again', async () => {
    const server = await hops.smtp(lostReply);
    const api = await hops.webApi();
    const other = await hops.smtp();
    const route = hops.route([overSmtp(server.port), overApi(api), overSmtp(other.port)], {
      strategy: 'round-robin',
    });
    const mail = testMail();
    const seen: MailHop[] = [];
    const error = await failureOf(route.deliver(mail, { onHop: (hop) => seen.push(hop) }));
    expect(error.disposition).toBe('unknown');
    expect(seen).toHaveLength(1);
    const again = await route.deliver(mail);
    expect(again.transport).toBe(`smtp:127.0.0.1:${server.port}`);
    expect(api.requests).toHaveLength(0);
    expect(other.connections).toHaveLength(0);
  });

  it('does not leave its transport though that is down', async () => {
    const server = await hops.smtp(lostReply);
    const api = await hops.webApi();
    const route = hops.route([overSmtp(server.port), overApi(api)]);
    const mail = testMail();
    await failureOf(route.deliver(mail));
    await server.close();
    for (let i = 0; i < 2; i += 1) {
      const error = await failureOf(route.deliver(mail));
      expect(error).toMatchObject({ code: 'MAIL_CONNECT', disposition: 'retry' });
    }
    expect(api.requests).toHaveLength(0);
    await route.deliver(testMail());
    expect(api.accepted).toHaveLength(1);
  });

  it('stays on the Web API when its answer was lost', async () => {
    const api = await hops.webApi();
    api.script({ drop: 'after-body' });
    const server = await hops.smtp();
    const route = hops.route([overApi(api), overSmtp(server.port)]);
    const error = await failureOf(route.deliver(testMail()));
    expect(error.disposition).toBe('unknown');
    expect(server.connections).toHaveLength(0);
  });

  it('goes on with failoverUnknown', async () => {
    const server = await hops.smtp(lostReply);
    const api = await hops.webApi();
    const route = hops.route([overSmtp(server.port), overApi(api)], { failoverUnknown: true });
    const delivery = await route.deliver(testMail());
    expect(delivery.hops?.map(({ error }) => error?.disposition)).toEqual(['unknown', undefined]);
    expect(api.accepted).toHaveLength(1);
  });

  it.each<[string, SendGridStep]>([
    ['is down', { status: 500 }],
    ['refuses it', { status: 400 }],
  ])('stays unknown with failoverUnknown when the next transport %s', async (_, step) => {
    const server = await hops.smtp(lostReply);
    const api = await hops.webApi();
    api.script(step);
    const route = hops.route([overSmtp(server.port), overApi(api)], { failoverUnknown: true });
    const error = await failureOf(route.deliver(testMail()));
    expect(error.disposition).toBe('unknown');
  });
});

describe('when every transport is down', () => {
  it('says so at once, with what each said and when to come again', async () => {
    const [a, b] = [await closedPort(), await closedPort()];
    const route = hops.route([overSmtp(a), overSmtp(b)], { breaker: { trialAfterMs: 60_000 } });
    const first = await failureOf(route.deliver(testMail()));
    expect(first).toMatchObject({ code: 'MAIL_CONNECT', disposition: 'retry', fault: 'transport' });
    expect(first.message).toContain(`127.0.0.1:${a}`);
    expect(first.message).toContain(`127.0.0.1:${b}`);
    expect(first.cause).toBeInstanceOf(AggregateError);

    const seen: MailHop[] = [];
    const second = await failureOf(route.deliver(testMail(), { onHop: (hop) => seen.push(hop) }));
    expect(second).toMatchObject({
      code: 'MAIL_CONNECT',
      disposition: 'retry',
      fault: 'transport',
    });
    expect(second.retryAfterMs).toBeGreaterThan(50_000);
    expect(second.retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(seen).toEqual([]);
  });

  it('comes again no sooner than the first transport asked for, though no breaker opened', async () => {
    const [a, b] = [await hops.webApi(), await hops.webApi()];
    a.script({ status: 503, headers: { 'retry-after': '40' } });
    b.script({ status: 503, headers: { 'retry-after': '30' } });
    const route = hops.route([overApi(a), overApi(b)]);
    const error = await failureOf(route.deliver(testMail()));
    expect(error).toMatchObject({ code: 'MAIL_SERVICE', retryAfterMs: 30_000 });
    expect(route.status().map(({ state }) => state)).toEqual(['closed', 'closed']);

    a.script({ status: 503, headers: { 'retry-after': '40' } });
    b.script({ status: 503 });
    expect(await failureOf(route.deliver(testMail()))).toHaveProperty('retryAfterMs', undefined);
  });

  it('lets mail wait for a trial under way and go with it', async () => {
    const port = await closedPort();
    const route = hops.route([overSmtp(port)], { breaker: { trialAfterMs: 50 } });
    await failureOf(route.deliver(testMail()));
    const server = await hops.smtp({}, port);
    await eventually(() => route.status()[0]!.trialInMs === 0);
    await Promise.all(Array.from({ length: 20 }, () => route.deliver(testMail())));
    expect(server.messages).toHaveLength(20);
    expect(route.status()[0]!.state).toBe('closed');
  });

  it('waits as long as a rate limit asks', async () => {
    const api = await hops.webApi();
    api.script({ status: 429, headers: { 'retry-after': '30' } });
    const route = hops.route([overApi(api)]);
    const error = await failureOf(route.deliver(testMail()));
    expect(error.retryAfterMs).toBeGreaterThan(25_000);
    expect(api.requests).toHaveLength(1);
    await failureOf(route.deliver(testMail()));
    expect(api.requests).toHaveLength(1);
  });
});

describe('a transport that is back', () => {
  it('is asked for its health first, so that no mail waits for it', async () => {
    const dropped = await hops.dropped();
    const server = await hops.smtp();
    const route = hops.route(
      [overSmtp(dropped.port, { timeouts: { connectMs: 400 } }), overSmtp(server.port)],
      { breaker: { trialAfterMs: 50 } },
    );
    await route.deliver(testMail());
    await eventually(() => route.status()[0]!.trialInMs === 0);
    // Due for a trial, and still blocked: this mail starts the trial and does not take part in it.
    const delivery = await route.deliver(testMail());
    expect(delivery.hops).toHaveLength(1);
  });

  it('gets one mail, and the rest once that got through', async () => {
    const port = await closedPort();
    let release = (): void => undefined;
    const hold = new Promise<void>((resolve) => (release = resolve));
    const other = await hops.smtp();
    const route = hops.route([overSmtp(port), overSmtp(other.port)], {
      breaker: { trialAfterMs: 20 },
    });
    await route.deliver(testMail());
    const server = await hops.smtp({ script: { final: { hold } } }, port);
    await eventually(() => route.status()[0]!.trialInMs === 0);
    await route.deliver(testMail());
    await eventually(() => route.status()[0]!.state === 'half-open');

    const trial = route.deliver(testMail());
    await server.until(() => server.commands.includes('DATA') || other.messages.length > 2);
    await route.deliver(testMail());
    expect(other.messages).toHaveLength(3);
    release();
    expect((await trial).transport).toBe(`smtp:127.0.0.1:${port}`);
    expect((await route.deliver(testMail())).transport).toBe(`smtp:127.0.0.1:${port}`);
  });
});

describe('a transport on trial', () => {
  it('gets one mail at a time, however many waited for the trial', async () => {
    const slow = new ScriptedTransport();
    slow.script = () => fault({ code: 'MAIL_CONNECT' });
    const route = hops.route([slow], { breaker: { trialAfterMs: 1 } });
    await failureOf(route.deliver(testMail()));
    await eventually(() => route.status()[0]!.trialInMs === 0);
    slow.asked.length = 0;
    await Promise.allSettled(Array.from({ length: 20 }, () => route.deliver(testMail())));
    expect(slow.mostInFlight).toBe(1);

    slow.script = (mail) => accept(mail);
    await eventually(() => route.status()[0]!.trialInMs === 0);
    await Promise.all(Array.from({ length: 20 }, () => route.deliver(testMail())));
    expect(slow.taken).toHaveLength(20);
    expect(route.status()[0]!.state).toBe('closed');
  });
});

describe('stopping', () => {
  it('does not go on when the caller aborts', async () => {
    const server = await hops.smtp({ script: { mail: { hang: true } } });
    const api = await hops.webApi();
    const route = hops.route([overSmtp(server.port), overApi(api)]);
    const stop = new AbortController();
    const attempt = route.deliver(testMail(), { signal: stop.signal });
    await server.until(() => server.commands.some((line) => line.startsWith('MAIL')));
    stop.abort();
    expect(await failureOf(attempt)).toMatchObject({ code: 'MAIL_ABORTED', disposition: 'retry' });
    expect(api.requests).toHaveLength(0);
    expect(route.status()[0]!.state).toBe('closed');
  });

  it('aborts a mail that waits for a trial', async () => {
    const port = await closedPort();
    const route = hops.route([overSmtp(port)], { breaker: { trialAfterMs: 20 } });
    await failureOf(route.deliver(testMail()));
    const server = await hops.smtp({ script: { greeting: { hang: true } } }, port);
    await eventually(() => route.status()[0]!.trialInMs === 0);
    const stop = new AbortController();
    const attempt = route.deliver(testMail(), { signal: stop.signal });
    await server.until(() => server.connections.length > 0);
    stop.abort();
    expect((await failureOf(attempt)).code).toBe('MAIL_ABORTED');
  });

  it('lets a mail under way go on to the next transport before it closes', async () => {
    let release = (): void => undefined;
    const hold = new Promise<void>((resolve) => (release = resolve));
    const server = await hops.smtp({ script: { mail: { hold, text: '421 4.3.2 bye' } } });
    const other = await hops.smtp();
    const route = hops.route([overSmtp(server.port), overSmtp(other.port)]);
    const attempt = route.deliver(testMail());
    await server.until(() => server.commands.some((line) => line.startsWith('MAIL')));
    const closed = route.close();
    await expect(route.deliver(testMail())).rejects.toMatchObject({ code: 'MAIL_SHUTDOWN' });
    release();
    expect((await attempt).transport).toBe(`smtp:127.0.0.1:${other.port}`);
    await closed;
    expect(other.connections[0]!.quit).toBe(true);
    await route.close();
  });

  it('tears everything down when destroyed', async () => {
    const server = await hops.smtp({ script: { mail: { hang: true } } });
    const api = await hops.webApi();
    const route = hops.route([overSmtp(server.port), overApi(api)]);
    const attempt = route.deliver(testMail());
    await server.until(() => server.commands.some((line) => line.startsWith('MAIL')));
    await route.destroy();
    expect((await failureOf(attempt)).code).toBe('MAIL_ABORTED');
    expect(api.requests).toHaveLength(0);
  });
});

describe('transports of the user', () => {
  it('treats an error of another kind as unknown, and rethrows it', async () => {
    const odd = {
      name: 'odd',
      deliver: () => Promise.reject(new Error('odd')),
      verify: () => Promise.resolve(),
      close: () => Promise.resolve(),
      destroy: () => Promise.resolve(),
    };
    const route = hops.route([odd, 'memory:']);
    const seen: MailHop[] = [];
    await expect(route.deliver(testMail(), { onHop: (hop) => seen.push(hop) })).rejects.toThrow(
      'odd',
    );
    expect(seen).toEqual([
      expect.objectContaining({
        transport: 'odd',
        error: { code: 'MAIL_PROTOCOL', disposition: 'unknown', message: 'odd' },
      }),
    ]);
  });
});

describe('a route in a route', () => {
  it('tells the hops of both, each once', async () => {
    const port = await closedPort();
    const a = await hops.smtp();
    const inner = { type: 'route', strategy: 'failover', transports: [overSmtp(port)] };
    const named = { name: 'spare', transport: overSmtp(a.port) };
    const route = hops.route([inner, { type: 'route', strategy: 'fastest', transports: [named] }]);
    const delivery = await route.deliver(testMail());
    expect(delivery.transport).toBe('spare');
    expect(delivery.hops?.map(({ transport, outcome }) => [transport, outcome])).toEqual([
      [`smtp:127.0.0.1:${port}`, 'failed'],
      ['spare', 'accepted'],
    ]);
  });
});
