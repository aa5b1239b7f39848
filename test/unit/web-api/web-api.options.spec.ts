import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { MailConfigurationError } from '../../../lib/base/errors.js';
import { sendgrid } from '../../../lib/transports/web-api/sendgrid/sendgrid.manifest.js';
import { parseWebApiUrl } from '../../../lib/transports/web-api/web-api.url.js';
import {
  readWebApiOptions,
  type WebApiTransportOptions,
} from '../../../lib/transports/web-api/web-api.options.js';
import { WebApiTransport } from '../../../lib/transports/web-api/web-api.transport.js';

const SECRET = 'SG.very-secret';

function fault(work: () => unknown): MailConfigurationError {
  try {
    work();
  } catch (error) {
    if (error instanceof MailConfigurationError) return error;
    throw error;
  }
  throw new Error('Expected a MailConfigurationError');
}

const provider = {
  name: 'other',
  origin: 'https://api.other.example',
  request: () => ({ method: 'POST' as const, path: '/', headers: {} }),
  response: () => ({ accepted: ['a'], response: 'ok' }),
  verifyRequest: () => ({ method: 'GET' as const, path: '/', headers: {} }),
  verifyResponse: () => undefined,
  redact: (text: string) => text,
};

describe('Web API options', () => {
  it('has defaults for all but the provider and its key', () => {
    const options = readWebApiOptions({ provider: 'sendgrid', apiKey: SECRET }, 'transport');
    expect(options).toMatchObject({
      connections: 10,
      maxQueued: 10_000,
      timeoutMs: 30_000,
      connectMs: 10_000,
      source: { origin: 'https://api.sendgrid.com' },
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no provider', { provider: undefined }, 'transport.provider'],
    ['an unknown provider', { provider: 'sengrid' }, 'transport.provider'],
    ['no key', { apiKey: undefined }, 'transport.apiKey'],
    ['an empty key', { apiKey: '' }, 'transport.apiKey'],
    ['a key with a line end', { apiKey: `${SECRET}\n` }, 'transport.apiKey'],
    ['a key with a space', { apiKey: `${SECRET} ` }, 'transport.apiKey'],
    ['a key that is not ASCII', { apiKey: `${SECRET}ä` }, 'transport.apiKey'],
    ['a key that is no string', { apiKey: 1 }, 'transport.apiKey'],
    ['plain http to another host', { baseUrl: 'http://api.sendgrid.com' }, 'transport.baseUrl'],
    ['plain http to a look-alike', { baseUrl: 'http://localhost.evil.com' }, 'transport.baseUrl'],
    ['no URL', { baseUrl: 'api.sendgrid.com' }, 'transport.baseUrl'],
    ['another scheme', { baseUrl: 'ftp://api.sendgrid.com' }, 'transport.baseUrl'],
    ['a password in the URL', { baseUrl: `https://u:${SECRET}@x.test` }, 'transport.baseUrl'],
    ['a query', { baseUrl: 'https://x.test/?a=b' }, 'transport.baseUrl'],
    ['no connection', { connections: 0 }, 'transport.connections'],
    ['too many connections', { connections: 1001 }, 'transport.connections'],
    ['a bound below zero', { maxQueued: -1 }, 'transport.maxQueued'],
    ['a proxy that is no URL', { proxy: `proxy.test:3128 ${SECRET}` }, 'transport.proxy'],
    ['an empty proxy', { proxy: '' }, 'transport.proxy'],
    ['a proxy of another scheme', { proxy: `socks5://u:${SECRET}@x.test` }, 'transport.proxy'],
    ['a proxy with a path', { proxy: `http://x.test/${SECRET}` }, 'transport.proxy'],
    ['a bad escape in a proxy', { proxy: `http://u:${SECRET}%zz@x.test` }, 'transport.proxy'],
    ['a ca of another type', { tls: { ca: 1 } }, 'transport.tls.ca'],
    ['a ca that is none', { tls: { ca: SECRET } }, 'transport.tls.ca'],
    [
      'an unknown setting of TLS',
      { tls: { rejectUnauthorized: false } },
      'transport.tls.rejectUnauthorized',
    ],
    ['a short timeout', { timeoutMs: 99 }, 'transport.timeoutMs'],
    ['no time to connect', { connectMs: 0 }, 'transport.connectMs'],
    ['a connect timeout in words', { connectMs: '2s' }, 'transport.connectMs'],
    ['a sandbox in words', { sandbox: 'true' }, 'transport.sandbox'],
    ['CRLF in onBehalfOf', { onBehalfOf: 'a\r\nb' }, 'transport.onBehalfOf'],
    ['a Unicode onBehalfOf', { onBehalfOf: 'ä' }, 'transport.onBehalfOf'],
    ['another type', { type: 'smtp' }, 'transport.type'],
    ['a typing error', { conections: 1 }, 'transport.conections'],
    [
      'half a bulk mapping',
      { provider: { ...provider, bulk: { size: 5 } }, apiKey: undefined },
      'transport.provider',
    ],
    ['a key beside a provider object', { provider }, 'transport.apiKey'],
    [
      'what only another provider has',
      { provider: 'postmark', sandbox: true },
      'transport.sandbox',
    ],
    [
      'an incomplete provider',
      { provider: { ...provider, redact: 1 }, apiKey: undefined },
      'transport.provider',
    ],
    [
      'a provider without TLS',
      { provider: { ...provider, origin: 'http://x.test' }, apiKey: undefined },
      'transport.provider',
    ],
    [
      'a provider with a path',
      { provider: { ...provider, origin: 'https://x.test/v1' }, apiKey: undefined },
      'transport.provider',
    ],
  ])('refuses %s', (_, change, option) => {
    const raw = { provider: 'sendgrid', apiKey: SECRET, ...change };
    const error = fault(() => new WebApiTransport(raw as WebApiTransportOptions));
    expect(error.option).toBe(option);
    expect(inspect(error, { depth: 5 })).not.toContain(SECRET);
  });

  it('gives connecting no longer than the whole', () => {
    const given = { provider: 'sendgrid', apiKey: 'a', timeoutMs: 500 };
    expect(readWebApiOptions(given, '').connectMs).toBe(500);
    expect(readWebApiOptions({ ...given, connectMs: 200 }, '').connectMs).toBe(200);
  });

  it.each([
    'http://localhost:80',
    'http://127.0.0.1:8080',
    'http://[::1]:8080',
    'https://x.test/a',
  ])('takes %s as base URL', (baseUrl) => {
    expect(() =>
      readWebApiOptions({ provider: 'sendgrid', apiKey: 'a', baseUrl }, ''),
    ).not.toThrow();
  });

  it('takes a provider object', () => {
    expect(new WebApiTransport({ provider }).name).toBe('other:api.other.example');
  });

  it('shows the key neither in a name, nor when it is looked at', async () => {
    const transport = new WebApiTransport({ provider: 'sendgrid', apiKey: SECRET });
    expect(transport.name).toBe('sendgrid:api.sendgrid.com');
    expect(inspect(transport, { depth: 10, showHidden: true })).not.toContain(SECRET);
    expect(JSON.stringify(transport)).not.toContain(SECRET);
    await transport.close();
  });
});

describe('sendgrid:// URLs', () => {
  const parse = (text: string) =>
    parseWebApiUrl(sendgrid, new URL(text), 'transport') as unknown as WebApiTransportOptions;

  it('brings key, host and options', () => {
    expect(
      parse(
        'sendgrid://SG.a%2Fb@api.eu.sendgrid.com?connections=5&maxQueued=7&timeoutMs=9000&connectMs=700&proxy=http://u:p@x.test:3128&sandbox=true',
      ),
    ).toEqual({
      type: 'web-api',
      provider: 'sendgrid',
      apiKey: 'SG.a/b',
      baseUrl: 'https://api.eu.sendgrid.com',
      connections: 5,
      maxQueued: 7,
      timeoutMs: 9000,
      connectMs: 700,
      proxy: 'http://u:p@x.test:3128',
      sandbox: true,
    });
    expect(parse('sendgrid://k@localhost:8080/')).toEqual({
      type: 'web-api',
      provider: 'sendgrid',
      apiKey: 'k',
      baseUrl: 'http://localhost:8080',
    });
    expect(parse('sendgrid://k@[::1]:8080')).toMatchObject({ baseUrl: 'http://[::1]:8080' });
  });

  it.each([
    ['no key', 'sendgrid://api.sendgrid.com', 'transport'],
    ['a key for a host', `sendgrid://${SECRET}`, 'transport'],
    ['a password', `sendgrid://apikey:${SECRET}@api.sendgrid.com`, 'transport'],
    ['a path', `sendgrid://${SECRET}@api.sendgrid.com/v3`, 'transport'],
    ['a fragment', `sendgrid://${SECRET}@api.sendgrid.com#a`, 'transport'],
    ['bad percent-encoding', `sendgrid://${SECRET}%zz@api.sendgrid.com`, 'transport'],
    ['an unknown option', `sendgrid://${SECRET}@a.test?conections=1`, 'transport.conections'],
    ['an option twice', `sendgrid://${SECRET}@a.test?sandbox=true&sandbox=false`, 'transport'],
    ['a number in words', `sendgrid://${SECRET}@a.test?connections=ten`, 'transport.connections'],
    ['a number out of range', `sendgrid://${SECRET}@a.test?connections=0`, 'transport.connections'],
    ['a boolean in digits', `sendgrid://${SECRET}@a.test?sandbox=1`, 'transport.sandbox'],
    ['a line end in the key', `sendgrid://${SECRET}%0d%0aX@a.test`, 'transport.apiKey'],
  ])('refuses %s', (_, text, option) => {
    const error = fault(() => new WebApiTransport(parse(text)));
    expect(error.option).toBe(option);
    expect(inspect(error, { depth: 5 })).not.toContain(SECRET);
  });
});
