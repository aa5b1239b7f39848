import { connect, createServer, type Socket } from 'node:net';

/**
 * Passes TCP on with half of a round trip's delay each way; bandwidth is not limited. Runs in a process
 * of its own: `delay-proxy <port> <rttMs>`.
 */
const port = Number(process.argv[2]);
const half = Number(process.argv[3]) / 2;

function pass(from: Socket, to: Socket): void {
  const late = (what: () => void): void => {
    setTimeout(what, half);
  };
  from.on('data', (chunk) => {
    late(() => to.write(chunk));
  });
  from.on('end', () => {
    late(() => to.end());
  });
  from.on('error', () => to.destroy());
  from.on('close', () => {
    late(() => to.destroy());
  });
}

const server = createServer({ noDelay: true }, (near) => {
  const far = connect({ port, host: '127.0.0.1', noDelay: true });
  pass(near, far);
  pass(far, near);
}).listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : undefined });
});
process.on('disconnect', () => process.exit());
