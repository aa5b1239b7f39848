import { createServer, type AddressInfo, type Socket } from 'node:net';
import { serveParent } from './serve.js';

/**
 * `web-api-sink`: answers 202 to every request as SendGrid does, and counts the personalizations. It
 * reads no more of HTTP than the length, so that the clients are measured and not a server.
 */
let accepted = 0;
const TO = Buffer.from('"to":[');
const HEAD_END = Buffer.from('\r\n\r\n');
const ANSWER = Buffer.from(
  'HTTP/1.1 202 Accepted\r\nX-Message-Id: sink\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n',
);

function personalizations(body: Buffer): number {
  let count = 0;
  for (let at = body.indexOf(TO); at >= 0; at = body.indexOf(TO, at + TO.length)) count += 1;
  return count;
}

function serve(socket: Socket): void {
  let chunks: Buffer[] = [];
  let size = 0;
  let needed = 0;
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < needed) return;
    let bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    for (;;) {
      const end = bytes.indexOf(HEAD_END);
      const length = /content-length: *(\d+)/i.exec(bytes.toString('latin1', 0, Math.max(0, end)));
      needed = length ? end + HEAD_END.length + Number(length[1]) : 0;
      if (!length || bytes.length < needed) break;
      accepted += personalizations(bytes.subarray(end, needed));
      socket.write(ANSWER);
      bytes = bytes.subarray(needed);
      needed = 0;
    }
    chunks = bytes.length > 0 ? [bytes] : [];
    size = bytes.length;
  });
}

const server = createServer({ noDelay: true }, serve).listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  serveParent({ port, about: 'a server that answers 202' }, () => accepted);
});
