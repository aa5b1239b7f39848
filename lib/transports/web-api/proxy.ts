import { request as plainRequest, type ClientRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { OptionReader } from '../../base/option-reader.js';

/** An HTTP proxy that opens tunnels (CONNECT, RFC 9110 §9.3.6). */
export interface Proxy {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** What `Proxy-Authorization` says. */
  readonly authorization?: string;
}

/** The proxy is there and opens no tunnel. */
export class ProxyRefusal extends Error {
  constructor(status: number) {
    const remedy = status === 407 ? '; check user and password of `proxy`' : '';
    super(`The proxy answered CONNECT with HTTP ${status}${remedy}`);
    this.name = 'ProxyRefusal';
  }
}

/** @throws MailConfigurationError, which does not quote the URL: it may hold a password. */
export function readProxy(reader: OptionReader): Proxy | undefined {
  const text = reader.optionalString('proxy');
  if (text === undefined) return undefined;
  const bad = (got: string): never =>
    reader.fail('proxy', 'a URL like http://user:password@proxy.example:3128', got);
  if (!URL.canParse(text)) return bad('a string that is none');
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return bad('one of another scheme');
  if (pathname !== '/' || search !== '' || hash !== '') {
    return bad('one with a path, query or fragment');
  }
  const secure = protocol === 'https:';
  return {
    secure,
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    ...(username !== '' && { authorization: basic(username, password, bad) }),
  };
}

/** RFC 7617 */
function basic(username: string, password: string, bad: (got: string) => never): string {
  try {
    const both = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return `Basic ${Buffer.from(both).toString('base64')}`;
  } catch {
    return bad('one whose user or password is not percent-encoded properly');
  }
}

/**
 * Asks the proxy for a tunnel to `authority` (`host:port`). Calls back once: with the tunnel, or with why there is
 * none. Destroying the answer gives up.
 */
export function openTunnel(
  proxy: Proxy,
  authority: string,
  { ca, signal }: { readonly ca?: readonly (string | Buffer)[]; readonly signal: AbortSignal },
  done: (...result: [Error, null] | [null, Socket]) => void,
): ClientRequest {
  const { secure, host, port, authorization } = proxy;
  const request = (secure ? secureRequest : plainRequest)({
    method: 'CONNECT',
    host,
    port,
    path: authority,
    headers: {
      host: authority,
      ...(authorization !== undefined && { 'proxy-authorization': authorization }),
    },
    agent: false,
    signal,
    ...(secure && { ...(ca && { ca: [...ca] }), ...(isIP(host) === 0 && { servername: host }) }),
  });
  request.once('connect', ({ statusCode = 0 }, socket, head) => {
    // Whoever speaks before the handshake inside the tunnel is not the host (nothing of it is read).
    if (statusCode >= 200 && statusCode <= 299 && head.length === 0) {
      done(null, socket);
      return;
    }
    socket.destroy();
    done(new ProxyRefusal(statusCode), null);
  });
  request.once('error', (error) => done(error, null));
  return request.end();
}
