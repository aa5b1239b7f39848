import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  startSendGridServer,
  type SendGridServer,
} from '../../../sample/stand-ins/src/sendgrid-server.js';
import { MailShutdownError } from '../../../lib/base/errors.js';
import type { WebApiTransport } from '../../../lib/transports/web-api/web-api.transport.js';
import { testMail } from '../../fixtures/mail.js';
import { caught, KEY, openTransport } from './helpers.js';

describe('WebApiTransport against the SendGrid stand-in', () => {
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

  it('answers with every envelope recipient and the X-Message-Id', async () => {
    const mail = testMail({ to: 'a@example.net', cc: 'b@example.net', bcc: 'c@example.net' });
    const delivery = await transport.deliver(mail);
    expect(delivery).toEqual({
      transport: `sendgrid:127.0.0.1:${server.port}`,
      accepted: ['a@example.net', 'b@example.net', 'c@example.net'],
      rejected: [],
      response: '202 Accepted',
      remoteId: server.accepted[0]?.id,
    });
    expect(server.accepted[0]?.mail.headers?.['Message-ID']).toBe(mail.messageId);
  });

  it('sends the headers that SendGrid asks for, once each', async () => {
    await transport.deliver(testMail());
    const { method, path, rawHeaders } = server.requests[0]!;
    expect(`${method} ${path}`).toBe('POST /v3/mail/send');
    const names = rawHeaders
      .filter((_, index) => index % 2 === 0)
      .map((name) => name.toLowerCase());
    expect(names.toSorted()).toEqual([
      'accept',
      'accept-encoding',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'user-agent',
    ]);
    expect(rawHeaders[rawHeaders.indexOf('authorization') + 1]).toBe(`Bearer ${KEY}`);
  });

  it('puts a path of the base URL before the API’s', async () => {
    await transport.destroy();
    transport = openTransport(`${server.url}/proxy/`);
    const error = await caught(transport.deliver(testMail()));
    expect(server.requests[0]?.path).toBe('/proxy/v3/mail/send');
    expect(error).toMatchObject({ code: 'MAIL_PROTOCOL', httpStatus: 404, disposition: 'retry' });
  });

  it('takes the 200 of the sandbox, and only there', async () => {
    const sandbox = openTransport(server.url, { sandbox: true });
    const delivery = await sandbox.deliver(testMail());
    expect(delivery.response).toBe('200 OK');
    expect(delivery.remoteId).toBeUndefined();
    expect(server.accepted[0]?.sandbox).toBe(true);
    await sandbox.close();

    server.script({ status: 200, body: '<html>Please log in</html>' });
    const error = await caught(transport.deliver(testMail()));
    expect(error).toMatchObject({
      code: 'MAIL_PROTOCOL',
      disposition: 'unknown',
      fault: 'transport',
      httpStatus: 200,
    });
  });

  it('sends 2,000 mails over at most `connections` sockets', async () => {
    await transport.destroy();
    transport = openTransport(server.url, { connections: 5 });
    const mails = Array.from({ length: 2000 }, () => testMail());
    await Promise.all(mails.map((mail) => transport.deliver(mail)));
    expect(server.accepted).toHaveLength(2000);
    const ids = new Set(server.accepted.map(({ mail }) => mail.headers?.['Message-ID']));
    expect(ids).toEqual(new Set(mails.map(({ messageId }) => messageId)));
    expect(server.sockets.total).toBeLessThanOrEqual(5);
    expect(server.sockets.total).toBeGreaterThan(1);
  });

  it('has no more requests under way than connections', async () => {
    await transport.destroy();
    transport = openTransport(server.url, { connections: 2 });
    server.script({ hang: 'after-body' }, { hang: 'after-body' });
    const controller = new AbortController();
    const work = [1, 2, 3].map(() =>
      caught(transport.deliver(testMail(), { signal: controller.signal })),
    );
    await server.waitForRequests(2);
    controller.abort();
    const errors = await Promise.all(work);
    expect(server.requests).toHaveLength(2);
    expect(errors.map(({ disposition }) => disposition)).toEqual(['unknown', 'unknown', 'retry']);
  });

  it('listens to a signal once, however many attempts share it, and to none without', async () => {
    const { signal } = new AbortController();
    await transport.preload();
    const work = Array.from({ length: 50 }, () => transport.deliver(testMail(), { signal }));
    // Node warns of a leak from the eleventh listener on.
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await Promise.all(work);
    // A signal of AbortSignal.any() lives as long as somebody listens.
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await transport.deliver(testMail(), { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  describe('verify', () => {
    it('asks for the key’s scopes and sends nothing', async () => {
      await transport.verify();
      expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
        'GET /v3/scopes',
      ]);
      expect(server.accepted).toHaveLength(0);
    });

    it('fails on a wrong key, and on one that may not send', async () => {
      const wrong = openTransport(server.url, { apiKey: 'SG.wrong' });
      expect(await caught(wrong.verify())).toMatchObject({
        code: 'MAIL_AUTH',
        disposition: 'retry',
        fault: 'transport',
        httpStatus: 401,
      });
      await wrong.close();

      const poor = await startSendGridServer({ scopes: ['stats.read'] });
      const limited = openTransport(poor.url);
      expect(await caught(limited.verify())).toMatchObject({
        code: 'MAIL_AUTH',
        message: expect.stringContaining('mail.send'),
      });
      expect(await caught(limited.deliver(testMail()))).toMatchObject({
        code: 'MAIL_AUTH',
        httpStatus: 403,
        disposition: 'retry',
        fault: 'transport',
      });
      await limited.close();
      await poor.close();
    });

    it('fails where something else than SendGrid answers', async () => {
      server.script({ status: 200, body: 'It works!' });
      expect(await caught(transport.verify())).toMatchObject({
        code: 'MAIL_PROTOCOL',
        disposition: 'retry',
      });
    });
  });

  describe('close and destroy', () => {
    it('lets what is under way or in line finish, and refuses the rest', async () => {
      await transport.destroy();
      transport = openTransport(server.url, { connections: 1 });
      server.script({ delayMs: 50 });
      const work = [transport.deliver(testMail()), transport.deliver(testMail())];
      await server.waitForRequests(1);
      const closing = transport.close();
      await expect(transport.deliver(testMail())).rejects.toThrow(MailShutdownError);
      await expect(transport.verify()).rejects.toThrow(MailShutdownError);
      await closing;
      await Promise.all(work);
      expect(server.accepted).toHaveLength(2);
      await server.waitForSockets(0);
      await transport.close();
    });

    it('fails what is under way at once, as unknown where the body had gone out', async () => {
      server.script({ hang: 'after-body' });
      const work = caught(transport.deliver(testMail()));
      await server.waitForRequests(1);
      const reason = new Error('drain deadline');
      await transport.destroy(reason);
      expect(await work).toMatchObject({
        code: 'MAIL_ABORTED',
        disposition: 'unknown',
        fault: 'message',
        cause: reason,
      });
      await server.waitForSockets(0);
      await expect(transport.deliver(testMail())).rejects.toThrow(MailShutdownError);
      await transport.destroy();
      await transport.close();
    });

    it('is harmless on a transport that was never used', async () => {
      await transport.close();
      await transport.destroy();
      expect(server.sockets.total).toBe(0);
    });
  });
});
