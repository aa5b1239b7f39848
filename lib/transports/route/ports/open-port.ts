import net from 'node:net';
import type { Clock } from '../../../base/clock.js';
import { onAbort } from '../../../base/on-abort.js';

export interface PortSearch {
  readonly host: string;
  /** In order of preference; at least one. */
  readonly ports: readonly number[];
  /** For the whole search, in milliseconds. */
  readonly timeoutMs: number;
  readonly localAddress?: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** A port has this long before the next is tried beside it (RFC 8305 §5 has the same for addresses). */
const HEAD_START_MS = 250;

/**
 * The first port that takes a TCP connection, or `undefined`. A port that is refused yields to the next
 * at once, one whose packets are dropped after a head start; both stay in the race until the end.
 */
export function findOpenPort(search: PortSearch): Promise<number | undefined> {
  const { host, ports, timeoutMs, localAddress, signal, clock } = search;
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const queue = [...ports];
    const sockets = new Set<net.Socket>();
    let cancelHeadStart = (): void => undefined;

    const finish = (port?: number) => {
      cancelHeadStart();
      cancelDeadline();
      forgetSignal();
      for (const socket of sockets) socket.destroy();
      resolve(port);
    };
    const tryNext = () => {
      cancelHeadStart();
      const port = queue.shift();
      if (port === undefined) {
        if (sockets.size === 0) finish();
        return;
      }
      const socket = net.connect({ host, port, localAddress });
      sockets.add(socket);
      socket.once('connect', () => {
        finish(port);
      });
      socket.once('error', () => {
        sockets.delete(socket);
        tryNext();
      });
      cancelHeadStart = clock.after(HEAD_START_MS, tryNext, { keepAlive: true });
    };
    const stop = () => {
      finish();
    };
    const cancelDeadline = clock.after(timeoutMs, stop, { keepAlive: true });
    const forgetSignal = onAbort(signal, stop);
    tryNext();
  });
}
