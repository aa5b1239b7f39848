import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { serveParent } from './serve.js';

/**
 * `delay-proxy <port> <one-way ms>`: carries bytes to and from 127.0.0.1:port, each late by the same
 * time. No bandwidth limit, no Nagle. The connection itself is made at once, its first bytes are late.
 */
const port = Number(process.argv[2]);
const delayMs = Number(process.argv[3]);
/** How fast `early` follows what it is to make up for. */
const GAIN = 0.01;
const MOST_EARLY_MS = 4;

interface Late {
  readonly due: number;
  readonly to: Socket;
  /** Undefined: the end. */
  readonly chunk: Buffer | undefined;
}

/** Of all connections: what comes later is due later. */
const queue: Late[] = [];
let timer: NodeJS.Timeout | undefined;
/** Timers ring late, the later the busier the machine is: ringing so much earlier makes the mean delay true. */
let early = 0.5;

function release(): void {
  timer = undefined;
  const now = performance.now();
  const corked = new Set<Socket>();
  let count = 0;
  for (const { due, to, chunk } of queue) {
    if (due > now + early) break;
    count += 1;
    early = Math.min(MOST_EARLY_MS, Math.max(0, early + GAIN * (now - due)));
    if (!corked.has(to)) {
      corked.add(to);
      to.cork();
    }
    if (chunk) to.write(chunk);
    else to.end();
  }
  queue.splice(0, count);
  for (const to of corked) to.uncork();
  wait();
}

function wait(): void {
  const [head] = queue;
  if (!head || timer) return;
  timer = setTimeout(release, Math.max(1, Math.floor(head.due - early - performance.now())));
}

function carry(from: Socket, to: Socket): void {
  const push = (chunk: Buffer | undefined): void => {
    queue.push({ due: performance.now() + delayMs, to, chunk });
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
