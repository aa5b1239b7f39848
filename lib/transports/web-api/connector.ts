import { addAbortSignal } from 'node:stream';
import type { Socket } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import { buildConnector, errors } from 'undici';
import { runOutside } from '../../base/outside.js';
import { openTunnel } from './proxy.js';
import type { Proxy } from './proxy-options.js';

export interface ConnectorOptions {
  /** For name, TCP, a proxy's tunnel and TLS together, in milliseconds. */
  readonly connectMs: number;
  /** Tears down what is still connecting. */
  readonly signal: AbortSignal;
  /** Trusted in place of the system's certificate authorities (PEM). */
  readonly ca?: readonly (string | Buffer)[];
  /** What leads to every host but this machine. */
  readonly proxy?: Proxy;
}

/** What undici wants connected, as far as we look at it. */
interface Target {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: string;
}

/** undici's contract of a connector; the built types name no package of ours. */
type Connect<R> = (
  target: Target,
  callback: (...result: [Error, null] | [null, Socket]) => void,
) => R;

/** What is on its way, and can be given up. */
interface Attempt {
  destroy(reason: Error): unknown;
}

/** undici's, with a deadline that is exact; its own rings up to a second late. */
export function connectorOf({ connectMs, proxy, ...options }: ConnectorOptions): Connect<void> {
  // It returns the socket; its types do not say so.
  const direct = buildConnector({
    ...options,
    timeout: 0,
  } as buildConnector.BuildOptions) as unknown as Connect<Socket>;
  const connect: Connect<Attempt> = proxy ? throughProxy(proxy, direct, options) : direct;
  const withDeadline: Connect<void> = (target, callback) => {
    const deadline = setTimeout(() => {
      attempt.destroy(new errors.ConnectTimeoutError(`No connection within ${connectMs} ms`));
    }, connectMs);
    const attempt = connect(target, (...result) => {
      clearTimeout(deadline);
      callback(...result);
    });
  };
  // A connection serves every mail that comes, not only the one that it is opened for.
  return (target, callback) => runOutside(() => withDeadline(target, callback));
}

/** A tunnel first, then TLS to the host inside it. Plain HTTP is for this machine, which no proxy knows. */
function throughProxy(
  proxy: Proxy,
  direct: Connect<Socket>,
  options: Pick<ConnectorOptions, 'ca' | 'signal'>,
): Connect<Attempt> {
  return (target, callback) => {
    if (target.protocol !== 'https:') return direct(target, callback);
    let current: Attempt = openTunnel(
      proxy,
      `${target.hostname}:${target.port === '' ? '443' : target.port}`,
      options,
      (error, tunnel) => {
        if (error) {
          callback(error, null);
          return;
        }
        addAbortSignal(options.signal, tunnel);
        const inside = { ...target, httpSocket: tunnel };
        current = direct(inside, callback);
      },
    );
    return { destroy: (reason) => current.destroy(reason) };
  };
}
