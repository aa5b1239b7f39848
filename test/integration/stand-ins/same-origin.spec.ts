import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { sameOrigin } from '../../../sample/stand-ins/src/same-origin.js';

let server: Server;
let port: number;
beforeAll(async () => {
  const guard = sameOrigin(['samples.lan']);
  server = createServer((asked, answer) => guard(asked, answer, () => answer.end('done')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => void server.close());

const ask = (method: string, headers: Record<string, string>) =>
  new Promise<number | undefined>((resolve, reject) => {
    request({ port, host: '127.0.0.1', method, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });

const own = () => `127.0.0.1:${port}`;

it.each<[string, string, () => Record<string, string>, number]>([
  ['a program', 'POST', () => ({ host: own() }), 200],
  ['the page itself', 'POST', () => ({ host: own(), origin: `http://${own()}` }), 200],
  [
    'the page by another name',
    'POST',
    () => ({ host: `samples.lan:${port}`, origin: `http://samples.lan:${port}` }),
    200,
  ],
  ['another site', 'POST', () => ({ host: own(), origin: 'https://evil.example' }), 403],
  [
    'another port of this machine',
    'POST',
    () => ({ host: own(), origin: 'http://127.0.0.1:1' }),
    403,
  ],
  ['a sandboxed page', 'POST', () => ({ host: own(), origin: 'null' }), 403],
  [
    'a name pointed at this machine',
    'POST',
    () => ({ host: `evil.example:${port}`, origin: `http://evil.example:${port}` }),
    403,
  ],
  ['such a name that only reads', 'GET', () => ({ host: `evil.example:${port}` }), 403],
  ['a link on another site', 'GET', () => ({ host: own(), origin: 'https://evil.example' }), 200],
  ['a name in capitals', 'DELETE', () => ({ host: `LOCALHOST:${port}` }), 200],
])('%s that asks with %s', async (_who, method, headers, status) => {
  expect(await ask(method, headers())).toBe(status);
});
