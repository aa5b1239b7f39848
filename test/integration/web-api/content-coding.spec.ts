import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { decodeContent } from '../../../lib/transports/web-api/content-coding.js';
import { WebApiTransport } from '../../../lib/transports/web-api/web-api.transport.js';
import { testMail } from '../../fixtures/mail.js';
import { caught, rawServer, type RawServer } from './helpers.js';

let server: RawServer | undefined;
let transport: WebApiTransport | undefined;
afterEach(async () => {
  await transport?.destroy();
  await server?.close();
});

/** Postmark's answer says whether the mail was taken, so that nothing but reading it will do. */
const TAKEN = JSON.stringify({ ErrorCode: 0, Message: 'OK', MessageID: 'id-1' });

async function open(coding: string, body: Buffer, length = body.length) {
  server = await rawServer((socket, received) => {
    if (!received.includes('}')) return;
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nContent-Length: ${length}\r\n\r\n`;
    socket.write(Buffer.concat([Buffer.from(head), body]));
    if (length > body.length) socket.end();
  });
  transport = new WebApiTransport({ provider: 'postmark', apiKey: 'token', baseUrl: server.url });
  return transport;
}

describe('an answer that came compressed', () => {
  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['gzip', (bytes) => gzipSync(bytes)],
    ['x-gzip', (bytes) => gzipSync(bytes)],
    ['deflate', (bytes) => deflateSync(bytes)],
    ['Deflate', (bytes) => deflateRawSync(bytes)],
    ['br', (bytes) => brotliCompressSync(bytes)],
    ['gzip, br', (bytes) => brotliCompressSync(gzipSync(bytes))],
    ['identity', (bytes) => bytes],
    // A header that lies.
    ['gzip', (bytes) => bytes],
    ['br', (bytes) => bytes],
    ['zstd', (bytes) => bytes],
  ])('with %s is read', async (coding, encode) => {
    const by = await open(coding, encode(Buffer.from(TAKEN)));
    expect(await by.deliver(testMail())).toMatchObject({ remoteId: 'id-1' });
    expect(server!.received[0]!.toString()).toMatch(/^accept-encoding: identity\r$/im);
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['gzip', (bytes) => gzipSync(bytes)],
    ['deflate', (bytes) => deflateSync(bytes)],
    ['br', (bytes) => brotliCompressSync(bytes)],
  ])(
    'with %s and cut off behind the part that tells is read as far as it goes',
    async (coding, encode) => {
      const whole = encode(Buffer.from(TAKEN));
      // What checks the whole is gone, not what it says.
      const cut =
        coding === 'gzip' ? whole.subarray(0, -8) : coding === 'br' ? whole : whole.subarray(0, -4);
      const by = await open(coding, cut, whole.length + 8);
      expect(await by.deliver(testMail())).toMatchObject({ remoteId: 'id-1' });
    },
  );

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['gzip', (bytes) => gzipSync(bytes)],
    ['br', (bytes) => brotliCompressSync(bytes)],
  ])('with %s that would grow without bound is read up to the bound', async (coding, encode) => {
    const bomb = encode(Buffer.alloc(64 * 1024 * 1024, 0x20));
    const by = await open(coding, bomb);
    const error = await caught(by.deliver(testMail()));
    expect(error).toMatchObject({ disposition: 'unknown', code: 'MAIL_PROTOCOL' });
    expect(await decodeContent(bomb, coding, 1_000)).toHaveLength(1_000);
  });
});
