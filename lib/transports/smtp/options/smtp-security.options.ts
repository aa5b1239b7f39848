import { createPrivateKey } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import type { OptionReader } from '../../../base/option-reader.js';

export interface SmtpPasswordAuth {
  readonly user: string;
  readonly pass: string;
  /** Default: the first of PLAIN, LOGIN, CRAM-MD5 that the server offers. */
  readonly method?: 'PLAIN' | 'LOGIN' | 'CRAM-MD5';
}

/** A token of your own, a function that gets one, or what it takes to fetch and renew one. */
export interface SmtpOAuth2Auth {
  readonly user: string;
  readonly method?: 'XOAUTH2';
  /** The token, or what returns one; `renew` is true when the server refused the last one. */
  readonly accessToken?: string | ((renew: boolean) => Promise<string>);
  /** Refresh-token flow. */
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly refreshToken?: string;
  /** Token endpoint (https). Default: Google's. */
  readonly accessUrl?: string;
  /** Service-account flow (JWT bearer): the client's id and its PEM key. */
  readonly serviceClient?: string;
  readonly privateKey?: string;
  readonly scope?: string;
}

export type SmtpAuth = SmtpPasswordAuth | SmtpOAuth2Auth;

/** The parts of `tls.connect`'s options that a mail client needs. */
export type SmtpTlsOptions = Pick<
  ConnectionOptions,
  | 'ca'
  | 'cert'
  | 'key'
  | 'passphrase'
  | 'rejectUnauthorized'
  | 'servername'
  | 'minVersion'
  | 'ciphers'
>;

export const AUTH_KEYS = [
  ...['user', 'pass', 'method', 'accessToken', 'clientId', 'clientSecret', 'refreshToken'],
  ...['accessUrl', 'serviceClient', 'privateKey', 'scope'],
];

export function readAuth(reader: OptionReader): SmtpAuth {
  const user = reader.string('user');
  if (reader.raw('pass') !== undefined) {
    const clash = AUTH_KEYS.slice(3).find((key) => reader.raw(key) !== undefined);
    if (clash) reader.fail(clash, 'absent beside `pass`');
    const pass = secret(reader, 'pass');
    if (reader.raw('method') === undefined) return { user, pass };
    return { user, pass, method: reader.oneOf('method', ['PLAIN', 'LOGIN', 'CRAM-MD5']) };
  }
  reader.oneOf('method', ['XOAUTH2'], 'XOAUTH2');
  const auth: SmtpOAuth2Auth = {
    user,
    method: 'XOAUTH2',
    accessToken: readAccessToken(reader),
    clientId: reader.optionalString('clientId'),
    clientSecret: reader.optionalString('clientSecret'),
    refreshToken: reader.optionalString('refreshToken'),
    accessUrl: reader.optionalString('accessUrl'),
    serviceClient: reader.optionalString('serviceClient'),
    privateKey: optionalPem(reader, 'privateKey'),
    scope: reader.optionalString('scope'),
  };
  const flow = auth.accessToken ?? auth.refreshToken ?? (auth.serviceClient && auth.privateKey);
  if (!flow) {
    reader.fail('pass', 'given, or one of `accessToken`, `refreshToken`, `serviceClient`');
  }
  if (auth.accessUrl !== undefined && !auth.accessUrl.startsWith('https://')) {
    reader.fail('accessUrl', 'an https URL');
  }
  return auth;
}

function readAccessToken(reader: OptionReader): SmtpOAuth2Auth['accessToken'] {
  const token = reader.raw('accessToken');
  if (typeof token === 'function') return token as (renew: boolean) => Promise<string>;
  return reader.optionalString('accessToken');
}

/** A password may hold any character but NUL, the separator of AUTH PLAIN (RFC 4616). */
function secret(reader: OptionReader, key: string): string {
  const value = reader.raw(key);
  if (typeof value !== 'string' || value === '') return reader.fail(key, 'a non-empty string');
  if (value.includes('\0')) reader.fail(key, 'a string without NUL', 'one with NUL');
  return value;
}

function optionalPem(reader: OptionReader, key: string): string | undefined {
  if (reader.raw(key) === undefined) return undefined;
  const pem = secret(reader, key);
  try {
    createPrivateKey(pem);
  } catch {
    // The parser's own words could quote the key.
    reader.fail(key, 'an unencrypted private key in PEM', 'a string that is none');
  }
  return pem;
}

const PEM_KEYS = ['ca', 'cert', 'key'] as const;
const TLS_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;

export function readTls(parent: OptionReader): SmtpTlsOptions {
  const reader = parent.nested('tls', [
    ...[...PEM_KEYS, 'passphrase', 'rejectUnauthorized', 'servername', 'minVersion', 'ciphers'],
  ]);
  const tls: SmtpTlsOptions = { rejectUnauthorized: reader.boolean('rejectUnauthorized', true) };
  for (const key of PEM_KEYS) {
    const value = key === 'ca' ? reader.authorities(key) : reader.pem(key);
    if (value !== undefined) tls[key] = value;
  }
  for (const key of ['passphrase', 'servername', 'ciphers'] as const) {
    const value = reader.optionalString(key);
    if (value !== undefined) tls[key] = value;
  }
  if (reader.raw('minVersion') !== undefined) {
    tls.minVersion = reader.oneOf('minVersion', TLS_VERSIONS);
  }
  return tls;
}
