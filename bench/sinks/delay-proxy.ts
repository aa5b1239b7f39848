import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { serveParent } from './serve.js';

/**
 * `delay-proxy <port> <one-way ms>`: carries bytes to and from 127.0.0.1:port, each late by the same
 * time. No bandwidth limit, no Nagle. The connection itself is made at once, its first bytes are late.
 */
const port = Number(process.argv[2]);
const delayMs = Number(process.argv[3]);
/** A Node timer rings up to a millisecond late; half of it makes the error even out. */
const EARLY_MS = 0.5;

interface Late {
  readonly due: number;
  /** Undefined: the end. */
  readonly chunk: Buffer | undefined;
}

function carry(from: Socket, to: Socket): void {
  const queue: Late[] = [];
  let timer: NodeJS.Timeout | undefined;
  const release = (): void => {
    timer = undefined;
    const now = performance.now() + EARLY_MS;
    let many = false;
    for (let head = queue[0]; head && head.due <= now; head = queue[0]) {
      queue.shift();
      if (!many && queue[0]) {
        many = true;
        to.cork();
      }
      if (head.chunk) to.write(head.chunk);
      else to.end();
    }
    if (many) to.uncork();
    wait();
  };
  const wait = (): void => {
    const head = queue[0];
    if (!head || timer) return;
    timer = setTimeout(release, Math.max(1, Math.round(head.due - performance.now())));
  };
  const push = (chunk: Buffer | undefined): void => {
    queue.push({ due: performance.now() + delayMs, chunk });
    wait();
  };
  from.on('data', push);
  from.on('end', () => {
    push(undefined);
  });
  from.on('error', () => undefined);
  from.on('close', () => {
    if (!from.readableEnded) to.destroy();
  });
}

const options = { allowHalfOpen: true, noDelay: true };
const server = createServer(options, (client) => {
  const next = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  carry(client, next);
  carry(next, client);
}).listen(0, '127.0.0.1', () => {
  const address = server.address() as AddressInfo;
  serveParent({ port: address.port, about: `a delay of ${delayMs} ms each way` }, () => 0);
});
