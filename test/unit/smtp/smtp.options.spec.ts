import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { MailConfigurationError } from '../../../lib/base/errors.js';
import {
  readSmtpOptions,
  SMTP_DEFAULTS,
} from '../../../lib/transports/smtp/options/smtp.options.js';
import { parseSmtpUrl } from '../../../lib/transports/smtp/options/smtp.url.js';

const auth = { user: 'user', pass: 'sesame' };
const read = (raw: unknown) => readSmtpOptions('transport', raw);
const url = (text: string) => read(parseSmtpUrl(new URL(text), 'transport'));

/** An RSA key that is too short, or one of a kind that DKIM does not know. */
function pem(kind: 'rsa' | 'ec' | 'ed25519'): string {
  const { privateKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 768 })
      : kind === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
const dkim = { domainName: 'example.com', keySelector: 's', privateKey: pem('ed25519') };

function refusal(make: () => unknown): MailConfigurationError {
  try {
    make();
  } catch (error) {
    if (error instanceof MailConfigurationError) return error;
    throw error;
  }
  throw new Error('expected a MailConfigurationError');
}

describe('SMTP options', () => {
  it('have defaults that stand in one place', () => {
    expect(read({ host: 'smtp.example.com' })).toMatchObject({
      ...{ host: 'smtp.example.com', port: 587, secure: false, requireTLS: false },
      ...{ ignoreTLS: false, pool: SMTP_DEFAULTS.pool, timeouts: SMTP_DEFAULTS.timeouts },
    });
  });

  it('take a DKIM key of Ed25519, and its domain in the form that DNS knows', () => {
    expect(read({ host: 'h', dkim }).dkim).toMatchObject(dkim);
    expect(read({ host: 'h', dkim: { ...dkim, domainName: 'Bücher.example' } }).dkim).toMatchObject(
      {
        domainName: 'xn--bcher-kva.example',
      },
    );
  });

  it('tie the port and implicit TLS together', () => {
    expect(read({ host: 'h', secure: true })).toMatchObject({ port: 465, secure: true });
    expect(read({ host: 'h', port: 465 })).toMatchObject({ secure: true });
    expect(read({ host: 'h', port: 465, secure: false })).toMatchObject({ secure: false });
    expect(read({ host: 'h', lmtp: true })).toMatchObject({ port: 24, secure: false });
    expect(url('smtp://h?lmtp=true')).toMatchObject({ port: 24, lmtp: true });
  });

  it.each([
    ['smtp.example.com', {}, true],
    ['smtp.example.com', { secure: true }, false],
    ['smtp.example.com', { requireTLS: false }, false],
    ['localhost', {}, false],
    ['127.0.0.2', {}, false],
    ['::1', {}, false],
    ['127.evil.example', {}, true],
  ])('with credentials for %s and %j requireTLS is %s', (host, more, expected) => {
    expect(read({ host, auth, ...more }).requireTLS).toBe(expected);
  });

  it('do not let ignoreTLS expose credentials unsaid', () => {
    const exposed = { host: 'smtp.example.com', auth, ignoreTLS: true };
    expect(refusal(() => read(exposed)).option).toBe('transport.ignoreTLS');
    expect(read({ ...exposed, requireTLS: false }).ignoreTLS).toBe(true);
    expect(read({ ...exposed, host: 'localhost' }).ignoreTLS).toBe(true);
  });

  const faults: [string, Record<string, unknown>][] = [
    ['transport.host', {}],
    ['transport.host', { host: 'a b' }],
    ['transport.host', { host: 'user@host' }],
    ['transport.hsot', { host: 'h', hsot: 1 }],
    ['transport.port', { host: 'h', port: 0 }],
    ['transport.port', { host: 'h', port: 65_536 }],
    ['transport.port', { host: 'h', port: '587' }],
    ['transport.secure', { host: 'h', secure: 'yes' }],
    ['transport.name', { host: 'h', name: 'not a name' }],
    ['transport.name', { host: 'h', name: '[300.0.0.1]' }],
    ['transport.localAddress', { host: 'h', localAddress: 'here' }],
    ['transport.auth.user', { host: 'h', auth: { pass: 'x' } }],
    ['transport.auth.pass', { host: 'h', auth: { user: 'x' } }],
    ['transport.auth.pass', { host: 'h', auth: { user: 'x', pass: '' } }],
    ['transport.auth.pass', { host: 'h', auth: { user: 'x', pass: 'a\0b' } }],
    ['transport.auth.method', { host: 'h', auth: { ...auth, method: 'XOAUTH2' } }],
    ['transport.auth.accessToken', { host: 'h', auth: { ...auth, accessToken: 't' } }],
    [
      'transport.auth.accessUrl',
      { host: 'h', auth: { user: 'x', refreshToken: 'r', accessUrl: 'http://x' } },
    ],
    ['transport.pool.maxConnections', { host: 'h', pool: { maxConnections: 0 } }],
    ['transport.pool.idleTimeoutMs', { host: 'h', pool: { idleTimeoutMs: 2 ** 31 } }],
    ['transport.pool.maxConnection', { host: 'h', pool: { maxConnection: 1 } }],
    ['transport.timeouts.replyMs', { host: 'h', timeouts: { replyMs: 600_001 } }],
    ['transport.timeouts.connectMs', { host: 'h', timeouts: { connectMs: 0 } }],
    ['transport.tls.rejectUnauthorized', { host: 'h', tls: { rejectUnauthorized: 'no' } }],
    ['transport.tls.minVersion', { host: 'h', tls: { minVersion: 'SSLv3' } }],
    ['transport.tls.ca', { host: 'h', tls: { ca: 1 } }],
    ['transport.tls.ca', { host: 'h', tls: { ca: '/etc/ssl/ca.pem' } }],
    ['transport.dkim.domainName', { host: 'h', dkim: { ...dkim, domainName: 'a;b=c' } }],
    ['transport.dkim.domainName', { host: 'h', dkim: { ...dkim, domainName: '[192.0.2.1]' } }],
    ['transport.dkim.keySelector', { host: 'h', dkim: { ...dkim, keySelector: 'a; l=0' } }],
    ['transport.dkim.skipFields', { host: 'h', dkim: { ...dkim, skipFields: 'to, cc' } }],
    ['transport.dkim.headerFieldNames', { host: 'h', dkim: { ...dkim, headerFieldNames: 'a;b' } }],
    ['transport.dkim.privateKey', { host: 'h', dkim: { ...dkim, privateKey: pem('ec') } }],
    ['transport.dkim.privateKey', { host: 'h', dkim: { ...dkim, privateKey: pem('rsa') } }],
    [
      'transport.dkim.privateKey',
      { host: 'h', dkim: { domainName: 'd', keySelector: 's', privateKey: 'k' } },
    ],
  ];

  it.each(faults)('name %s as the fault of %j', (option, raw) => {
    expect(refusal(() => read(raw)).option).toBe(option);
  });

  it('never show a secret', () => {
    const secret = 'sesame-sesame';
    const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
    for (const raw of [
      { host: 'h', auth: { user: 'u', pass: `${secret}\0` } },
      { host: 'h', auth: { user: 'u', pass: secret, scope: 's' } },
      {
        host: 'h',
        dkim: { domainName: 'd', keySelector: 's', privateKey: `${String(key)}${secret}`.slice(9) },
      },
    ]) {
      const error = refusal(() => read(raw));
      expect(JSON.stringify(error)).not.toContain(secret);
    }
  });
});

describe('an SMTP URL', () => {
  it('says all that the object can, percent-decoded', () => {
    expect(
      url(
        'smtp://us%40er:p%2Fa%3Ass@smtp.example.com:2525?maxConnections=10&requireTLS=true&dnsMs=5&method=LOGIN&servername=x.test',
      ),
    ).toMatchObject({
      ...{ host: 'smtp.example.com', port: 2525, secure: false, requireTLS: true },
      auth: { user: 'us@er', pass: 'p/a:ss', method: 'LOGIN' },
      ...{ pool: { maxConnections: 10, maxMessages: 1_000 }, timeouts: { dnsMs: 5 } },
      tls: { servername: 'x.test' },
    });
  });

  it('takes TLS from its scheme or port', () => {
    expect(url('smtps://smtp.example.com')).toMatchObject({ port: 465, secure: true });
    expect(url('smtps://[::1]:1465')).toMatchObject({ host: '::1', port: 1465, secure: true });
    expect(url('smtp://smtp.example.com:465')).toMatchObject({ secure: true });
    expect(url('smtp://smtp.example.com')).toMatchObject({ port: 587, secure: false });
  });

  it.each([
    ['smtp://user:sesame@h?maxConnection=1', 'transport?'],
    ['smtp://user:sesame@h?__proto__=1', 'transport?'],
    ['smtp://user:sesame@h?maxConnections=many', 'transport?maxConnections'],
    ['smtp://user:sesame@h?maxConnections=1&maxConnections=2', 'transport?maxConnections'],
    ['smtp://user:sesame@h?requireTLS=yes', 'transport?requireTLS'],
    ['smtp://user:sesame@h?maxConnections=0', 'transport.pool.maxConnections'],
    ['smtp://user:sesame@h/path', 'transport'],
    ['smtp://user:sesame@h#hash', 'transport'],
    ['smtp://user:sesame%ZZ@h', 'transport.auth.pass'],
    ['smtp://user@h', 'transport.auth.pass'],
  ])('%s is refused at %s, and does not show the password', (text, option) => {
    const error = refusal(() => url(text));
    expect(error.option).toBe(option);
    expect(JSON.stringify(error)).not.toContain('sesame');
  });

  it('suggests the parameter that was meant', () => {
    expect(refusal(() => url('smtp://h?maxConnection=1')).message).toContain('`maxConnections`');
  });
});
