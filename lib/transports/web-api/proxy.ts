import { request as plainRequest, type ClientRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Proxy } from './proxy-options.js';

/** The proxy is there and opens no tunnel. */
export class ProxyRefusal extends Error {
  constructor(status: number) {
    const remedy = status === 407 ? '; check user and password of `proxy`' : '';
    super(`The proxy answered CONNECT with HTTP ${status}${remedy}`);
    this.name = 'ProxyRefusal';
  }
}

/**
 * Asks the proxy for a tunnel to `authority` (`host:port`). Calls back once: with the tunnel, or with why there is
 * none. Destroying the returned request gives up.
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
