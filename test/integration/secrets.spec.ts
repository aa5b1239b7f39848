import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createTransport,
  type MailTransportConfig,
} from '../../lib/transports/transport.factory.js';
import type { MailTransport } from '../../lib/transports/transport.js';
import { testCertificates } from '../fixtures/certificates.js';
import { dkimKeys } from '../fixtures/dkim.js';
import { testMail } from '../fixtures/mail.js';
import { placesOf } from '../fixtures/secrets-shown.js';
import { RealSmtpServer } from '../fixtures/smtp-server.js';

const { ca, good } = testCertificates();
const { privateKey } = dkimKeys('rsa');
const PASSWORD = 'pä55/word+of~the:server';
const TOKEN = 'ya29.token-of-the-account';
const CLIENT_SECRET = 'GOCSPX-secret-of-the-client';
const REFRESH_TOKEN = '1//refresh-token-of-the-account';
const API_KEY = 'SG.key-of-the-account_0123456789';
const SERVER_TOKEN = 'b1946ac9-2f3a-4f7e-9d51-5d2a8e0c7b11';
const PROXY_PASSWORD = 'pr:oxy/säcret';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function port(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function smtp(secure: boolean): Promise<RealSmtpServer> {
  const server = await RealSmtpServer.start({
    ...(secure && { secure, key: good.key, cert: good.cert }),
    authMethods: ['PLAIN', 'LOGIN', 'XOAUTH2'],
    allowInsecureAuth: true,
    onAuth: ({ username }, _session, done) => {
      done(null, { user: username });
    },
  });
  cleanups.push(() => server.close());
  return server;
}

/** An API that takes all mail, behind a proxy that asks for no password and is told one. */
async function api(): Promise<{ baseUrl: string; proxy: string }> {
  const server = createSecureServer(good, (request, response) => {
    const body = '{"ErrorCode":0,"Message":"OK","MessageID":"abc","To":"x"}';
    const status = 'x-postmark-server-token' in request.headers ? 200 : 202;
    request.resume().on('end', () => {
      response.writeHead(status, { 'x-message-id': 'abc' }).end(body);
    });
  });
  const proxy = createServer();
  proxy.on('connect', ({ url = '' }, socket: Socket) => {
    const upstream = connect(Number(url.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(upstream).pipe(socket);
    });
    const end = (): void => {
      upstream.destroy();
      socket.destroy();
    };
    for (const each of [upstream, socket]) each.on('error', end).on('close', end);
  });
  const at = `127.0.0.1:${await port(proxy)}`;
  return {
    baseUrl: `https://localhost:${await port(server)}`,
    proxy: `http://user:${encodeURIComponent(PROXY_PASSWORD)}@${at}`,
  };
}

const over = ({ host, port }: RealSmtpServer) => ({ type: 'smtp', host, port }) as const;

interface Case {
  readonly secrets: readonly string[];
  readonly config: () => Promise<MailTransportConfig>;
}

const single: Record<string, Case> = {
  'SMTP with a password': {
    secrets: [PASSWORD],
    config: async () => ({ ...over(await smtp(false)), auth: { user: 'me', pass: PASSWORD } }),
  },
  'SMTP by URL with LOGIN': {
    secrets: [PASSWORD],
    config: async () => {
      const { port: at } = await smtp(false);
      return `smtp://me:${encodeURIComponent(PASSWORD)}@127.0.0.1:${at}`;
    },
  },
  'SMTP with an access token': {
    secrets: [TOKEN],
    config: async () => ({ ...over(await smtp(false)), auth: { user: 'me', accessToken: TOKEN } }),
  },
  'SMTP with the secrets that renew a token': {
    secrets: [TOKEN, CLIENT_SECRET, REFRESH_TOKEN],
    config: async () => {
      const auth = {
        user: 'me',
        accessToken: TOKEN,
        clientId: 'app',
        clientSecret: CLIENT_SECRET,
        refreshToken: REFRESH_TOKEN,
      };
      return { ...over(await smtp(false)), auth };
    },
  },
  'SMTP over TLS with a certificate of its own, signed with DKIM': {
    secrets: [PASSWORD, good.key, privateKey],
    config: async () => ({
      ...over(await smtp(true)),
      secure: true,
      tls: { ca, key: good.key, cert: good.cert },
      auth: { user: 'me', pass: PASSWORD },
      dkim: { domainName: 'example.com', keySelector: 'mail', privateKey },
    }),
  },
  SendGrid: {
    secrets: [API_KEY, PROXY_PASSWORD],
    config: async () => ({
      type: 'web-api',
      provider: 'sendgrid',
      apiKey: API_KEY,
      tls: { ca },
      ...(await api()),
    }),
  },
  Postmark: {
    secrets: [SERVER_TOKEN, PROXY_PASSWORD],
    config: async () => ({
      type: 'web-api',
      provider: 'postmark',
      apiKey: SERVER_TOKEN,
      tls: { ca },
      ...(await api()),
    }),
  },
};
const route: Case = {
  secrets: Object.values(single).flatMap(({ secrets }) => secrets),
  config: async () => {
    const transports: MailTransportConfig[] = [];
    for (const { config } of Object.values(single)) transports.push(await config());
    return { type: 'route', strategy: 'round-robin', transports };
  },
};

/** Everything of a transport that somebody could get hold of and log. */
function expectHidden(secrets: readonly string[], transport: MailTransport): void {
  expect(placesOf(secrets, transport)).toEqual([]);
}

describe('the search for secrets', () => {
  const bytes = Buffer.from(`\0me\0${PASSWORD}`);
  it.each([
    ['plain', { a: [PASSWORD] }],
    ['base64', { a: new Map([['b', Buffer.from(PASSWORD).toString('base64')]]) }],
    [
      'base64 without padding',
      { a: Buffer.from(`${PASSWORD}1`).toString('base64url').slice(0, -1) },
    ],
    ['base64 behind a user', { a: `AUTH PLAIN ${bytes.toString('base64')}` }],
    ['bytes', { a: { b: bytes } }],
    ['a URL', { a: new Set([`https://me:${encodeURIComponent(PASSWORD)}@host`]) }],
    ['a property of a function', { a: Object.assign(() => 1, { pass: PASSWORD }) }],
  ])('finds it as %s', (_, root) => {
    expect(placesOf([PASSWORD], root)).not.toEqual([]);
  });

  it('finds a key by one of its lines', () => {
    expect(placesOf([privateKey], { a: privateKey.split('\n')[3] })).not.toEqual([]);
  });
});

describe.each(Object.entries({ ...single, 'a route over all of them': route }))(
  '%s',
  (_, { secrets, config }) => {
    it('shows no secret, neither as it is made nor while it works, nor once it is closed', async () => {
      const transport = createTransport(await config());
      cleanups.push(() => transport.destroy());
      expectHidden(secrets, transport);
      await transport.preload?.();
      expectHidden(secrets, transport);
      // A route takes them in turn; the connections stay open.
      for (let i = 0; i < 2 * (transport.transports?.length ?? 1); i += 1) {
        await transport.deliver(testMail());
        expectHidden(secrets, transport);
      }
      await transport.close();
      expectHidden(secrets, transport);
    }, 60_000);
  },
);
