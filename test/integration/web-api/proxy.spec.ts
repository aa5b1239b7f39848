import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startSendGridServer } from '../../../sample/stand-ins/src/sendgrid-server.js';
import type { WebApiTransport } from '../../../lib/transports/web-api/web-api.transport.js';
import { testCertificates } from '../../fixtures/certificates.js';
import { closedPort } from '../../fixtures/dropped-port.js';
import { testMail } from '../../fixtures/mail.js';
import { failure, openTransport } from './helpers.js';

const { ca, good } = testCertificates();
const SECRET = 'pr:oxy/säcret';

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** What a proxy makes of CONNECT; by default it opens the tunnel. */
type Tunnel = (request: IncomingMessage, socket: Socket) => void;

function open({ url = '' }: IncomingMessage, socket: Socket): void {
  const upstream = connect(Number(url.split(':')[1]), '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    socket.pipe(upstream).pipe(socket);
  });
  const end = (): void => {
    upstream.destroy();
    socket.destroy();
  };
  for (const each of [upstream, socket]) each.on('error', end).on('close', end);
}

const answer =
  (text: string): Tunnel =>
  (_, socket) => {
    socket.end(text);
  };

describe('the Web API behind a proxy', () => {
  const asked: IncomingMessage[] = [];
  const tunnels = new Set<Socket>();
  let tunnel: Tunnel;
  let proxies: Server[];
  let api: Server;
  let apiPort: number;
  let proxyPort: number;
  let transport: WebApiTransport | undefined;

  const startProxy = async (server: Server): Promise<number> => {
    proxies.push(server);
    server.on('connect', (request: IncomingMessage, socket: Socket) => {
      asked.push(request);
      tunnels.add(socket);
      socket.on('close', () => tunnels.delete(socket)).on('error', () => undefined);
      // Sockets of an HTTP server stay half open.
      socket.on('end', () => socket.end());
      tunnel(request, socket);
    });
    return listening(server);
  };

  beforeEach(async () => {
    tunnel = open;
    asked.length = 0;
    proxies = [];
    api = createSecureServer(good, (request, response) => {
      const headers = { 'x-message-id': 'abc' };
      request.resume().on('end', () => response.writeHead(202, headers).end());
    });
    apiPort = await listening(api);
    proxyPort = await startProxy(createServer());
  });

  afterEach(async () => {
    await transport?.destroy();
    for (const socket of tunnels) socket.destroy();
    api.closeAllConnections();
    for (const server of [api, ...proxies]) {
      server.close();
      await once(server, 'close');
    }
  });

  const through = (proxy: string, options = {}): WebApiTransport =>
    (transport = openTransport(`https://localhost:${apiPort}`, {
      tls: { ca },
      ...{ proxy, connections: 2, timeoutMs: 5000 },
      ...options,
    }));

  it('reaches it through a tunnel that is kept, and says who it is', async () => {
    const user = encodeURIComponent('jo@corp');
    through(`http://${user}:${encodeURIComponent(SECRET)}@127.0.0.1:${proxyPort}`);
    for (let sent = 0; sent < 8; sent += 1) {
      expect((await transport!.deliver(testMail())).remoteId).toBe('abc');
    }
    expect(asked.length).toBeLessThanOrEqual(2);
    const { url, headers } = asked[0]!;
    expect(url).toBe(`localhost:${apiPort}`);
    const credentials = Buffer.from(`jo@corp:${SECRET}`).toString('base64');
    expect(headers).toMatchObject({
      host: url,
      'proxy-authorization': `Basic ${credentials}`,
    });
    // The API key is for the API alone.
    expect(JSON.stringify(headers)).not.toContain('SG.');
  });

  it('a proxy that speaks TLS itself', async () => {
    const port = await startProxy(createSecureServer(good));
    through(`https://localhost:${port}`);
    expect((await transport!.deliver(testMail())).accepted).not.toHaveLength(0);
    expect(asked[0]!.headers).not.toHaveProperty('proxy-authorization');
  });

  it('closes its tunnels', async () => {
    through(`http://127.0.0.1:${proxyPort}`);
    await Promise.all([transport!.deliver(testMail()), transport!.deliver(testMail())]);
    expect(tunnels.size).toBe(2);
    const closed = [...tunnels].map((socket) => once(socket, 'close'));
    await transport!.close();
    await Promise.all(closed);
  });

  it.each([
    [
      '407',
      'HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n',
      /407; check/,
    ],
    ['403 with a page', 'HTTP/1.1 403 Forbidden\r\ncontent-length: 5\r\n\r\nnever', /HTTP 403$/],
    ['words before the handshake', 'HTTP/1.1 200 OK\r\n\r\n220 hello', /HTTP 200$/],
  ])('a proxy that answers %s', async (_, text, words) => {
    tunnel = answer(text);
    through(`http://jo:${encodeURIComponent(SECRET)}@127.0.0.1:${proxyPort}`);
    const error = await failure(transport!, testMail());
    expect(error).toMatchObject({
      code: 'MAIL_CONNECT',
      ...{ disposition: 'retry', fault: 'transport', stage: 'connect' },
    });
    expect(error.message).toMatch(words);
    const shown = `${inspect(error, { depth: 9 })}${JSON.stringify(error)}`;
    expect(shown).not.toContain(SECRET);
    expect(shown).not.toContain(Buffer.from(`jo:${SECRET}`).toString('base64'));
  });

  it.each([
    ['hangs up', answer('')],
    ['speaks no HTTP', answer('220 mail.example ESMTP\r\n')],
  ])('a proxy that %s', async (_, how) => {
    tunnel = how;
    through(`http://127.0.0.1:${proxyPort}`);
    expect(await failure(transport!, testMail())).toMatchObject({
      ...{ disposition: 'retry', fault: 'transport' },
    });
  });

  it('a proxy that is not there', async () => {
    through(`http://127.0.0.1:${await closedPort()}`);
    expect(await failure(transport!, testMail())).toMatchObject({
      ...{ code: 'MAIL_CONNECT', disposition: 'retry', stage: 'connect' },
    });
  });

  it.each([
    ['that does not answer', () => undefined],
    [
      'behind which nobody does',
      (_: IncomingMessage, socket: Socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\n'),
    ],
  ])('gives up on a proxy %s in connectMs', async (_, how) => {
    tunnel = how;
    through(`http://127.0.0.1:${proxyPort}`, { connectMs: 100 });
    expect(await failure(transport!, testMail())).toMatchObject({
      ...{ code: 'MAIL_CONNECT', disposition: 'retry', stage: 'connect' },
    });
    // Nothing of it stays open.
    for (const socket of tunnels) await once(socket.resume(), 'close');
  });

  it('destroy() does not wait for a proxy', async () => {
    const arrived = new Promise<void>((resolve) => {
      tunnel = () => {
        resolve();
      };
    });
    through(`http://127.0.0.1:${proxyPort}`);
    const work = failure(transport!, testMail());
    await arrived;
    await transport!.destroy();
    expect(await work).toMatchObject({ code: 'MAIL_ABORTED', disposition: 'retry' });
    for (const socket of tunnels) await once(socket.resume(), 'close');
  });

  it('a host behind the proxy that is not the API is not trusted', async () => {
    through(`http://127.0.0.1:${proxyPort}`, { baseUrl: `https://127.0.0.2:${apiPort}` });
    expect(await failure(transport!, testMail())).toMatchObject({
      ...{ code: 'MAIL_TLS', disposition: 'retry' },
    });
    expect(asked[0]!.url).toBe(`127.0.0.2:${apiPort}`);
  });

  it('an API on this machine is reached without it', async () => {
    const server = await startSendGridServer();
    transport = openTransport(server.url, { proxy: `http://127.0.0.1:${proxyPort}` });
    await transport.deliver(testMail());
    expect(asked).toHaveLength(0);
    await transport.close();
    await server.close();
  });
});
