import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  startSendGridServer,
  type SendGridServer,
} from '../../../sample/stand-ins/src/sendgrid-server.js';
import { MAIL_ERROR_CODES } from '../../../lib/base/errors.js';
import type { WebApiTransport } from '../../../lib/transports/web-api/web-api.transport.js';
import { testMail } from '../../fixtures/mail.js';
import { failure, KEY, openTransport } from './helpers.js';

describe('what SendGrid’s answers mean', () => {
  let server: SendGridServer;
  let transport: WebApiTransport;

  beforeEach(async () => {
    server = await startSendGridServer();
    transport = openTransport(server.url);
  });

  afterEach(async () => {
    await transport.destroy();
    await server.close();
  });

  const message = { disposition: 'permanent', fault: 'message' } as const;
  const onTransport = { disposition: 'retry', fault: 'transport' } as const;

  it('a 403 for the sender is that mail’s own fault, and no word on the key', async () => {
    const about = (field: string | null) => ({
      status: 403,
      body: { errors: [{ message: 'The from address does not match', field, help: null }] },
    });
    server.script(about('from'), about('from'), about(null));
    const words = 'The from address does not match (from)';
    const own = { code: 'MAIL_SENDER', ...message, httpStatus: 403, response: words };
    expect(await failure(transport, testMail())).toMatchObject(own);
    expect(await failure(transport, testMail())).toMatchObject(own);
    expect(await failure(transport, testMail())).toMatchObject({
      code: 'MAIL_AUTH',
      ...onTransport,
    });
  });

  it.each([
    [204, 'MAIL_PROTOCOL', { disposition: 'unknown', fault: 'transport' }],
    [302, 'MAIL_PROTOCOL', onTransport],
    [400, 'MAIL_CONTENT', message],
    [401, 'MAIL_AUTH', onTransport],
    [402, 'MAIL_AUTH', onTransport],
    [403, 'MAIL_AUTH', onTransport],
    [404, 'MAIL_PROTOCOL', onTransport],
    [405, 'MAIL_PROTOCOL', onTransport],
    [406, 'MAIL_PROTOCOL', onTransport],
    [408, 'MAIL_TIMEOUT', onTransport],
    [413, 'MAIL_CONTENT', message],
    [415, 'MAIL_CONTENT', message],
    [422, 'MAIL_CONTENT', message],
    [429, 'MAIL_RATE', onTransport],
    [451, 'MAIL_CONTENT', message],
    [500, 'MAIL_SERVICE', onTransport],
    [502, 'MAIL_SERVICE', onTransport],
    [503, 'MAIL_SERVICE', onTransport],
  ] as const)('%i is %s', async (status, code, meaning) => {
    server.script({ status });
    const error = await failure(transport, testMail());
    expect(error).toMatchObject({
      code,
      ...meaning,
      stage: 'response',
      httpStatus: status,
      transport: transport.name,
    });
    expect(Object.keys(MAIL_ERROR_CODES)).toContain(error.code);
    expect(server.requests).toHaveLength(1);
  });

  it('surfaces SendGrid’s own errors with their fields', async () => {
    server.script({
      status: 400,
      body: {
        errors: [
          { message: 'The subject is required.', field: 'subject', help: 'https://…' },
          { message: 'Does not contain a valid address.', field: 'personalizations.0.to.0.email' },
          { message: 'Bad Request', field: 'null' },
        ],
      },
    });
    const error = await failure(transport, testMail());
    expect(error.response).toBe(
      'The subject is required. (subject); ' +
        'Does not contain a valid address. (personalizations.0.to.0.email); Bad Request',
    );
    expect(error.message).toBe(`SendGrid answered 400: ${error.response}`);
  });

  it.each([
    ['HTML', '<h1>502\r\nBad\tGateway</h1>', '<h1>502 Bad Gateway</h1>'],
    ['nothing', '', ''],
    ['JSON without errors', '[1]', '[1]'],
    ['errors of another shape', '{"errors":[null,1,{}]}', '{"errors":[null,1,{}]}'],
  ])('copes with %s in place of errors', async (_, body, response) => {
    server.script({ status: 502, body });
    expect((await failure(transport, testMail())).response).toBe(response);
  });

  it('shows the first 2,000 characters of a long answer', async () => {
    server.script({ status: 500, body: 'x'.repeat(5_000_000) });
    const error = await failure(transport, testMail());
    expect(error.response).toHaveLength(2000);
    expect((await transport.deliver(testMail())).accepted).toHaveLength(1);
  });

  it('keeps the API key out of everything that the provider echoes', async () => {
    const echo = `key ${KEY} in ${'x'.repeat(1976)}${KEY}`;
    server.script(
      { status: 401, body: { errors: [{ message: echo, field: KEY }] } },
      { status: 500, body: echo },
      { status: 202, headers: { 'X-Message-Id': KEY }, body: echo },
      {
        status: 500,
        body: JSON.stringify({ errors: [{ message: KEY }] }).replace('SG.', '\\u0053G.'),
      },
    );
    const shown = [
      await failure(transport, testMail()),
      await failure(transport, testMail()),
      await transport.deliver(testMail()),
      await failure(transport, testMail()),
    ].map(
      (result) => JSON.stringify(result) + (result instanceof Error ? String(result.stack) : ''),
    );
    for (const text of shown) {
      expect(text).toContain('[API key]');
      // Not even the beginning of it, where the words were cut short.
      expect(text).not.toContain('SG.');
    }
  });

  it('tells how long a 503 asks to wait, without slowing the transport', async () => {
    server.script({ status: 503, headers: { 'Retry-After': '120' } });
    const error = await failure(transport, testMail());
    expect(error).toMatchObject({ code: 'MAIL_SERVICE', retryAfterMs: 120_000 });
    await transport.deliver(testMail());
  });

  it.each([429, 500, 503])('uses half of its connections after a %i', async (status) => {
    await transport.destroy();
    transport = openTransport(server.url, { connections: 8 });
    server.script({ status, headers: { 'Retry-After': '1' } });
    await failure(transport, testMail());
    server.script(...Array.from({ length: 8 }, () => ({ hang: 'after-body' as const })));
    const work = Array.from({ length: 8 }, () => failure(transport, testMail()));
    await server.waitForRequests(5);
    await transport.destroy();
    const stages = (await Promise.all(work)).map(({ stage }) => stage);
    expect(stages.filter((stage) => stage === 'queue')).toHaveLength(4);
    expect(server.requests).toHaveLength(5);
  });

  describe('429', () => {
    const soon = (ms: number): string => String(Math.floor((Date.now() + ms) / 1000));

    it('tells until when, by X-RateLimit-Reset', async () => {
      server.script({ status: 429, headers: { 'X-RateLimit-Reset': soon(60_000) } });
      const { retryAfterMs } = await failure(transport, testMail());
      expect(retryAfterMs).toBeGreaterThan(57_000);
      expect(retryAfterMs).toBeLessThanOrEqual(61_000);
    });

    it('makes the mails after it wait until then', async () => {
      await server.close();
      server = await startSendGridServer({ rateLimit: { limit: 2, windowMs: 1500 } });
      await transport.destroy();
      transport = openTransport(server.url, { connections: 1 });
      const first = [1, 2, 3].map(() => transport.deliver(testMail()));
      const third = await first[2]!.catch((error: unknown) => error);
      expect(third).toMatchObject({ code: 'MAIL_RATE', disposition: 'retry', fault: 'transport' });
      // Not one more request before the window is over: each would be another 429.
      await Promise.all([transport.deliver(testMail()), transport.deliver(testMail())]);
      expect(server.requests).toHaveLength(5);
      expect(server.accepted).toHaveLength(4);
    });

    it('answers at once where the wait is longer than an attempt may take', async () => {
      server.script({ status: 429, headers: { 'X-RateLimit-Reset': soon(600_000) } });
      await failure(transport, testMail());
      const error = await failure(transport, testMail());
      expect(error).toMatchObject({ code: 'MAIL_RATE', disposition: 'retry', stage: 'queue' });
      expect(error.retryAfterMs).toBeGreaterThan(590_000);
      expect(server.requests).toHaveLength(1);
    });

    it('can be waited out no longer when the caller aborts', async () => {
      server.script({ status: 429, headers: { 'Retry-After': '20' } });
      await failure(transport, testMail());
      const controller = new AbortController();
      const waiting = failure(transport, testMail(), { signal: controller.signal });
      setImmediate(() => {
        controller.abort(new Error('no longer needed'));
      });
      expect(await waiting).toMatchObject({
        code: 'MAIL_ABORTED',
        disposition: 'retry',
        stage: 'queue',
        cause: new Error('no longer needed'),
      });
      expect(server.requests).toHaveLength(1);
    });

    it('waits a second where the answer does not say', async () => {
      server.script({ status: 429, headers: { 'X-RateLimit-Reset': '1' } });
      expect((await failure(transport, testMail())).retryAfterMs).toBeUndefined();
      const began = performance.now();
      await transport.deliver(testMail());
      expect(performance.now() - began).toBeGreaterThan(900);
    });
  });
});
