import type { Socket } from 'node:net';
import { buildConnector, errors } from 'undici';

export interface ConnectorOptions {
  /** For name, TCP and TLS together, in milliseconds. */
  readonly connectMs: number;
  /** Tears down what is still connecting. */
  readonly signal: AbortSignal;
  /** Trusted in place of the system's certificate authorities (PEM). */
  readonly ca?: string;
}

/** undici's contract of a connector; the built types name no package of ours. */
type Connect<R> = (
  target: object,
  callback: (...result: [Error, null] | [null, Socket]) => void,
) => R;

/** undici's, with a deadline that is exact; its own rings up to a second late. */
export function connectorOf({ connectMs, ...options }: ConnectorOptions): Connect<void> {
  // It answers the socket; its types do not say so.
  const connect = buildConnector({ ...options, timeout: 0 }) as unknown as Connect<Socket>;
  return (target, callback) => {
    const deadline = setTimeout(() => {
      socket.destroy(new errors.ConnectTimeoutError(`No connection within ${connectMs} ms`));
    }, connectMs);
    const socket = connect(target, (...result) => {
      clearTimeout(deadline);
      callback(...result);
    });
  };
}
