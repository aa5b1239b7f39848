import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  startSendGridServer,
  type SendGridServer,
} from '../../../sample/stand-ins/src/sendgrid-server.js';
import { HttpClient } from '../../../lib/transports/web-api/http-client.js';
import type { WebApiTransport } from '../../../lib/transports/web-api/web-api.transport.js';
import { testCertificates, type KeyPair } from '../../fixtures/certificates.js';
import { closedPort, DroppedPort } from '../../fixtures/dropped-port.js';
import { testMail } from '../../fixtures/mail.js';
import { caught, failure, rawServer, openTransport, type RawServer } from './helpers.js';

/** More than the kernels on both sides buffer, so that it cannot have gone out before it was read. */
const bigMail = () =>
  testMail({
    attachments: [{ filename: 'big.bin', content: Buffer.alloc(15 * 1024 * 1024, 'x') }],
  });

const retry = { disposition: 'retry', fault: 'transport' } as const;
const unknown = { disposition: 'unknown', fault: 'transport', stage: 'response' } as const;

/** A byte every 20 ms, as long as anybody listens. */
function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write('x'), 20);
  socket.on('close', () => {
    clearInterval(timer);
  });
}

describe('connections of the Web API transport', () => {
  let server: SendGridServer;
  let transport: WebApiTransport;
  let raw: RawServer | undefined;

  beforeEach(async () => {
    server = await startSendGridServer();
    transport = openTransport(server.url, { connections: 1 });
  });

  afterEach(async () => {
    await transport.destroy();
    await server.close();
    await raw?.close();
    raw = undefined;
  });

  const connectTo = async (url: string, options = {}): Promise<void> => {
    await transport.destroy();
    transport = openTransport(url, options);
  };

  describe('before the request went out whole: retry', () => {
    it('an unknown host', async () => {
      await connectTo('https://mail.invalid');
      expect(await failure(transport, testMail())).toMatchObject({
        ...retry,
        code: 'MAIL_DNS',
        stage: 'dns',
        message: expect.stringMatching(/: getaddrinfo \w+ mail\.invalid$/),
      });
    });

    it('a refused connection', async () => {
      const { port } = server;
      await server.close();
      expect(await failure(transport, testMail())).toMatchObject({
        ...retry,
        code: 'MAIL_CONNECT',
        stage: 'connect',
        message: `No connection to sendgrid:127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
      });
    });

    it('a connection reset while the body goes out', async () => {
      server.script({ drop: 'before-body' });
      expect(await failure(transport, bigMail())).toMatchObject({
        ...retry,
        code: 'MAIL_CONNECTION_LOST',
        stage: 'request',
      });
      expect(server.requests).toHaveLength(1);
      expect(server.accepted).toHaveLength(0);
    });

    it('a server that stops reading the body', async () => {
      await connectTo(server.url, { timeoutMs: 300 });
      server.script({ hang: 'before-body' });
      expect(await failure(transport, bigMail())).toMatchObject({
        ...retry,
        code: 'MAIL_TIMEOUT',
        stage: 'request',
      });
    });

    it('an abort while the body goes out', async () => {
      server.script({ hang: 'before-body' });
      const controller = new AbortController();
      const work = failure(transport, bigMail(), { signal: controller.signal });
      await server.waitForRequests(1);
      controller.abort();
      expect(await work).toMatchObject({
        code: 'MAIL_ABORTED',
        disposition: 'retry',
        fault: 'message',
        stage: 'request',
      });
    });

    it('an abort while it connects, and no byte follows', async () => {
      let hello: (() => void) | undefined;
      const arrived = new Promise<void>((resolve) => (hello = resolve));
      raw = await rawServer(() => hello?.());
      await connectTo(raw.url.replace('http:', 'https:'), { connections: 1 });
      const controller = new AbortController();
      const work = failure(transport, testMail(), { signal: controller.signal });
      await arrived;
      controller.abort();
      expect(await work).toMatchObject({
        code: 'MAIL_ABORTED',
        disposition: 'retry',
        fault: 'message',
      });
    });

    it('a port whose packets are dropped, after `connectMs` and no later', async () => {
      const dropped = await DroppedPort.open();
      try {
        await connectTo(`http://127.0.0.1:${dropped.port}`, { connectMs: 300, timeoutMs: 60_000 });
        const from = performance.now();
        const all = [1, 2, 3].map(() => failure(transport, testMail()));
        for (const error of await Promise.all(all)) {
          expect(error).toMatchObject({ ...retry, code: 'MAIL_CONNECT', stage: 'connect' });
        }
        // The other deadline is a minute away; a busy machine may be late, but not by that much.
        expect(performance.now() - from).toBeGreaterThan(290);
        expect(performance.now() - from).toBeLessThan(10_000);
      } finally {
        await dropped.close();
      }
    });

    it('a TLS handshake that takes longer than `connectMs`', async () => {
      raw = await rawServer(() => undefined);
      await connectTo(raw.url.replace('http:', 'https:'), { connectMs: 200, timeoutMs: 60_000 });
      const error = await failure(transport, testMail());
      expect(error).toMatchObject({ ...retry, code: 'MAIL_CONNECT', stage: 'connect' });
    });

    it('a connection that takes too long', async () => {
      raw = await rawServer(() => undefined);
      await connectTo(raw.url.replace('http:', 'https:'), { timeoutMs: 200 });
      expect(await failure(transport, testMail())).toMatchObject({
        ...retry,
        code: 'MAIL_CONNECT',
        stage: 'connect',
      });
    });

    it('an abort before anything began', async () => {
      expect(await failure(transport, testMail(), { signal: AbortSignal.abort() })).toMatchObject({
        code: 'MAIL_ABORTED',
        disposition: 'retry',
        stage: 'queue',
      });
      expect(server.sockets.total).toBe(0);
    });
  });

  describe('after it: unknown, and never sent twice', () => {
    it('a connection reset before the answer', async () => {
      server.script({ drop: 'after-body' });
      expect(await failure(transport, testMail())).toMatchObject({
        ...unknown,
        code: 'MAIL_CONNECTION_LOST',
      });
      expect(server.requests).toHaveLength(1);
      expect(server.accepted).toHaveLength(1);
      await transport.deliver(testMail());
    });

    it('a connection closed politely before the answer', async () => {
      raw = await rawServer((socket, bytes) => {
        if (bytes.includes('Test mail')) socket.end();
      });
      await connectTo(raw.url);
      expect(await failure(transport, testMail())).toMatchObject({
        ...unknown,
        code: 'MAIL_CONNECTION_LOST',
      });
      expect(raw.sockets).toHaveLength(1);
    });

    it('no answer within the deadline', async () => {
      await connectTo(server.url, { timeoutMs: 300 });
      server.script({ hang: 'after-body' });
      expect(await failure(transport, testMail())).toMatchObject({
        ...unknown,
        code: 'MAIL_TIMEOUT',
      });
      await server.requests[0]!.closed;
      expect(server.requests).toHaveLength(1);
    });

    it('an answer dripped byte by byte', async () => {
      raw = await rawServer((socket) => {
        socket.write('HTTP/1.1 202 Accepted\r\nX-Drip: ');
        drip(socket);
      });
      await connectTo(raw.url, { timeoutMs: 300 });
      expect(await failure(transport, testMail())).toMatchObject({
        ...unknown,
        code: 'MAIL_TIMEOUT',
      });
    });

    it.each([
      ['no HTTP at all', '220 smtp.example.com ESMTP\r\n'],
      ['endless headers', `HTTP/1.1 202 Accepted\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n`],
    ])('%s', async (_, answer) => {
      raw = await rawServer((socket) => socket.write(answer));
      await connectTo(raw.url);
      expect(await failure(transport, testMail())).toMatchObject({
        ...unknown,
        code: 'MAIL_PROTOCOL',
      });
      expect(raw.sockets).toHaveLength(1);
    });

    it('an abort by the caller, which tears the connection down', async () => {
      server.script({ hang: 'after-body' });
      const controller = new AbortController();
      const work = failure(transport, testMail(), { signal: controller.signal });
      await server.waitForRequests(1);
      const reason = new Error('changed my mind');
      controller.abort(reason);
      const error = await work;
      expect(error).toMatchObject({
        code: 'MAIL_ABORTED',
        disposition: 'unknown',
        stage: 'response',
      });
      expect(error.cause).toBe(reason);
      await server.requests[0]!.closed;
      expect(server.requests).toHaveLength(1);
    });
  });

  it('an answer whose body is lost has still been given', async () => {
    server.script({ drop: 'in-response' });
    const delivery = await transport.deliver(testMail());
    expect(delivery.remoteId).toBe(server.accepted[0]?.id);
    expect(server.requests).toHaveLength(1);
  });

  it('the deadline is absolute: an answer’s body that drips ends with it', async () => {
    raw = await rawServer((socket) => {
      socket.write('HTTP/1.1 202 Accepted\r\nX-Message-Id: a\r\nContent-Length: 99999\r\n\r\n');
      drip(socket);
    });
    await connectTo(raw.url, { timeoutMs: 300 });
    expect(await transport.deliver(testMail())).toMatchObject({ remoteId: 'a' });
  });

  it('an answer without an end is cut off', async () => {
    raw = await rawServer((socket) => {
      const more = (): void => {
        while (socket.writable && socket.write('x'.repeat(65_536)));
      };
      socket.write('HTTP/1.1 500 Oops\r\n\r\n');
      socket.on('drain', more);
      more();
    });
    await connectTo(raw.url, { timeoutMs: 60_000 });
    expect(await failure(transport, testMail())).toMatchObject({ httpStatus: 500 });
  });

  it('an early 413 is heard before the body is out', async () => {
    raw = await rawServer((socket, bytes) => {
      if (bytes.length < 1000) return;
      socket.pause();
      socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
    await connectTo(raw.url);
    expect(await failure(transport, bigMail())).toMatchObject({
      code: 'MAIL_CONTENT',
      httpStatus: 413,
      disposition: 'permanent',
    });
  });

  it('a socket that the server closed while idle costs nothing', async () => {
    for (let round = 1; round <= 20; round += 1) {
      await transport.deliver(testMail());
      server.closeIdle();
      // In the same tick, later, or when the close has arrived: none may fail, none may be doubled.
      if (round % 3 === 1) await server.waitForSockets(0);
      if (round % 3 === 2) await new Promise(setImmediate);
    }
    expect(server.accepted).toHaveLength(20);
    expect(server.requests).toHaveLength(20);
    expect(server.sockets.total).toBeGreaterThan(10);
  });

  it('a close that crosses the request on the wire is unknown, and not sent again', async () => {
    const answer = 'HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n';
    raw = await rawServer((socket, bytes) => {
      const mails = bytes.toString('latin1').split('POST /v3').length - 1;
      if (mails === 1 && bytes.includes('Body of test mail')) socket.write(answer);
      // The second request meets a server that has just given up on the connection.
      if (mails === 2) socket.resetAndDestroy();
    });
    await connectTo(raw.url, { connections: 1 });
    await transport.deliver(testMail());
    expect(await failure(transport, testMail())).toMatchObject({
      ...unknown,
      code: 'MAIL_CONNECTION_LOST',
    });
    expect(raw.sockets).toHaveLength(1);
    expect(raw.received[0]!.toString('latin1').split('POST /v3')).toHaveLength(3);
  });

  it('shows no byte of the answer in an error’s cause', async () => {
    raw = await rawServer((socket) => socket.write('Authorization: Bearer SG.stand-in\r\n\r\n'));
    await connectTo(raw.url);
    const { inspect } = await import('node:util');
    const shown = inspect(await failure(transport, testMail()), { depth: 10 });
    expect(shown).toContain('HTTPParserError');
    expect(shown).not.toContain('SG.stand-in');
  });

  it('bounds what waits: past maxQueued a mail is refused at once', async () => {
    await connectTo(server.url, { connections: 2, maxQueued: 1 });
    server.script({ hang: 'after-body' }, { hang: 'after-body' });
    const stop = new AbortController();
    const hanging = [1, 2].map(() => failure(transport, testMail(), { signal: stop.signal }));
    const waiting = transport.deliver(testMail());
    expect(await failure(transport, testMail())).toMatchObject({
      ...{ code: 'MAIL_RATE', disposition: 'retry', stage: 'queue' },
      message: expect.stringContaining('maxQueued') as unknown,
    });
    await server.waitForRequests(2);
    stop.abort();
    await Promise.all(hanging);
    await waiting;
    await transport.deliver(testMail());
  });

  it('leaves no connection open when it closes, whatever became of the first one', async () => {
    const port = await closedPort();
    const late = createPlainServer((request, response) => {
      const headers = { 'keep-alive': 'timeout=60' };
      request.resume().on('end', () => response.writeHead(202, headers).end());
    });
    late.keepAliveTimeout = 0;
    const closed: Promise<unknown>[] = [];
    late.on('connection', (socket) => closed.push(once(socket, 'close')));
    // There as soon as the first connect was refused, whose request nobody waits for any more.
    const listen = (): void => void late.listen(port, '127.0.0.1');
    subscribe('undici:client:connectError', listen);
    const client = new HttpClient({
      origin: `http://localhost:${port}`,
      connections: 1,
      maxQueued: 1,
      timeoutMs: 5000,
      connectMs: 5000,
    });
    const request = { method: 'POST', path: '/', headers: {}, body: Buffer.from('{}') } as const;
    const stop = new AbortController();
    const first = client.request(() => request, stop.signal);
    stop.abort();
    await expect(first).rejects.toMatchObject({ kind: 'aborted', sent: false });
    expect((await client.request(() => request)).status).toBe(202);
    unsubscribe('undici:client:connectError', listen);
    await client.close();
    await Promise.all(closed);
    expect(closed).toHaveLength(1);
    late.close();
    await once(late, 'close');
  });

  describe('TLS', () => {
    const secure = async (pair: KeyPair) => {
      const https = createServer(pair, (request, response) => {
        request.resume().on('end', () => response.writeHead(202).end());
      });
      https.listen(0, '127.0.0.1');
      await once(https, 'listening');
      return {
        url: `https://localhost:${(https.address() as AddressInfo).port}`,
        async close() {
          https.close();
          https.closeAllConnections();
          await once(https, 'close');
        },
      };
    };
    const times = { timeoutMs: 5000, connectMs: 5000, maxQueued: 1 };
    const request = { method: 'POST', path: '/', headers: {}, body: Buffer.from('{}') } as const;

    it.each(['expired', 'wrongHost'] as const)('refuses a certificate that is %s', async (kind) => {
      const { ca, [kind]: pair } = testCertificates();
      const https = await secure(pair);
      const client = new HttpClient({ origin: https.url, connections: 1, ...times, ca: [ca] });
      await expect(client.request(() => request)).rejects.toMatchObject({
        kind: 'tls',
        sent: false,
      });
      await client.close();
      await https.close();
    });

    it('takes a good one', async () => {
      const { ca, good } = testCertificates();
      const https = await secure(good);
      const client = new HttpClient({ origin: https.url, connections: 1, ...times, ca: [ca] });
      expect((await client.request(() => request)).status).toBe(202);
      await client.close();
      await https.close();
    });

    it('a handshake that never ends is torn down by destroy()', async () => {
      let arrived: (() => void) | undefined;
      const hello = new Promise<void>((resolve) => (arrived = resolve));
      raw = await rawServer(() => arrived?.());
      await connectTo(raw.url.replace('http:', 'https:'));
      const work = failure(transport, testMail());
      await hello;
      const closed = once(raw.sockets[0]!, 'close');
      await transport.destroy();
      expect(await work).toMatchObject({ code: 'MAIL_ABORTED', disposition: 'retry' });
      await closed;
    });

    it('an authority that is not trusted, and no TLS at all, are faults of the transport', async () => {
      const https = await secure(testCertificates().good);
      await connectTo(https.url);
      const tls = { ...retry, code: 'MAIL_TLS', stage: 'connect' };
      expect(await failure(transport, testMail())).toMatchObject(tls);
      await https.close();

      await connectTo(server.url.replace('http:', 'https:'));
      expect(await caught(transport.verify())).toMatchObject(tls);
    });
  });
});
