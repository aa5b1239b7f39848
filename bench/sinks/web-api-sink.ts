import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveParent } from './serve.js';

/** `web-api-sink`: answers 202 to every mail/send as SendGrid does, and counts its personalizations. */
let accepted = 0;
const TO = Buffer.from('"to":[');

function personalizations(body: Buffer): number {
  let count = 0;
  for (let at = body.indexOf(TO); at >= 0; at = body.indexOf(TO, at + TO.length)) count += 1;
  return count;
}

const server = createServer({ keepAliveTimeout: 60_000, noDelay: true }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    accepted += personalizations(Buffer.concat(chunks));
    response.writeHead(202, { 'X-Message-Id': String(accepted), 'Content-Length': 0 }).end();
  });
}).listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  serveParent({ port, about: 'an HTTP server that answers 202' }, () => accepted);
});
