import { createServer, type AddressInfo, type Socket } from 'node:net';
import { serveParent } from './serve.js';

/**
 * An SMTP server that takes everything at the least cost, with PIPELINING and CHUNKING (and DATA). A
 * BDAT chunk is skipped by its length, never looked at nor copied: what is measured is the client.
 */
const OK = '250 2.0.0 Ok\r\n';
const LF = 10;
const END = Buffer.from('\r\n.\r\n');
let accepted = 0;

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
        accepted += 1;
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
        accepted += 1;
      }
      const end = data.indexOf(LF, at);
      if (end === -1) {
        if (at < data.length) rest = data.subarray(at);
        break;
      }
      const verb = data[at]! & 0xdf;
      if (verb === 66) {
        skip = lengthAt(data, at + 5);
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

function lengthAt(data: Buffer, from: number): number {
  let length = 0;
  for (let at = from; ; at += 1) {
    const digit = data[at]! - 48;
    if (!(digit >= 0 && digit <= 9)) return length;
    length = length * 10 + digit;
  }
}

const server = createServer(serve).listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  serveParent({ port, about: 'a CHUNKING and PIPELINING sink of our own' }, () => accepted);
});
