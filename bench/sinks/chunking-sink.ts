import { createServer, type Socket } from 'node:net';

/**
 * An SMTP server that takes everything at the least cost, with PIPELINING and CHUNKING (and DATA). It
 * runs in a process of its own and writes its port to its parent: what is measured is the client.
 */
const OK = '250 2.0.0 Ok\r\n';
const LF = 10;
const END = Buffer.from('\r\n.\r\n');

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  socket.write('220 sink ESMTP\r\n');
  let rest: Buffer | undefined;
  let skip = 0;
  let inData = false;
  socket.on('data', (chunk) => {
    let data = chunk;
    if (rest) {
      data = Buffer.concat([rest, chunk]);
      rest = undefined;
    }
    let at = 0;
    let out = '';
    for (;;) {
      if (skip > 0) {
        const step = Math.min(skip, data.length - at);
        skip -= step;
        at += step;
        if (skip > 0) break;
        out += OK;
      }
      if (inData) {
        const end = data.indexOf(END, at);
        if (end === -1) {
          const keep = Math.max(at, data.length - 4);
          rest = data.subarray(keep);
          break;
        }
        at = end + END.length;
        inData = false;
        out += OK;
      }
      const end = data.indexOf(LF, at);
      if (end === -1) {
        if (at < data.length) rest = data.subarray(at);
        break;
      }
      const verb = data[at]! & 0xdf;
      if (verb === 66) {
        skip = Number.parseInt(data.toString('latin1', at + 5, end), 10);
      } else if (verb === 69) {
        out += '250-sink\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250 SIZE 0\r\n';
      } else if (verb === 68) {
        out += '354 go on\r\n';
        inData = true;
      } else if (verb === 81) {
        out += '221 bye\r\n';
      } else {
        out += OK;
      }
      at = end + 1;
    }
    if (out !== '') socket.write(out);
  });
}

const server = createServer(serve).listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : undefined });
});
process.on('disconnect', () => process.exit());
