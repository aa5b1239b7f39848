import { readFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { type AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { Postfix } from '../../fixtures/postfix.js';
import { debian } from '../packages.js';
import { freePort, RunningServer } from '../private-root.js';
import { folder, put, type RealServer, remove, settled } from '../real-server.js';

const addresses = {
  good: (i: number) => `here-${i}@example.net`,
  refused: (i: number) => `gone-${i}@example.net`,
};

export async function postfix(): Promise<RealServer> {
  const server = await Postfix.start();
  return {
    ...addresses,
    options: { host: server.host, port: server.port },
    async stored(copies) {
      const store = new Map<string, string[]>();
      for (const text of await server.mailbox(copies)) {
        put(store, text, [/^X-Original-To: (\S+)/m.exec(text)![1]!]);
      }
      return store;
    },
    stop: () => server.stop(),
  };
}

/** The smtp-server package, in this process. */
export async function smtpServer(): Promise<RealServer> {
  const store = new Map<string, string[]>();
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    onRcptTo({ address }, _session, done) {
      done(address.includes('gone') ? Object.assign(new Error('no'), { responseCode: 550 }) : null);
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        put(store, Buffer.concat(chunks).toString('latin1'), to);
        done();
      });
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  return {
    ...addresses,
    options: { host: '127.0.0.1', port: (server.server.address() as AddressInfo).port },
    stored: () => Promise.resolve(store),
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
      }),
  };
}

const AIOSMTPD = `
import asyncio, json, re, sys
from aiosmtpd.smtp import SMTP

class Store:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if 'gone' in address:
            return '550 5.1.1 no such user'
        envelope.rcpt_tos.append(address)
        return '250 OK'

    async def handle_DATA(self, server, session, envelope):
        found = re.search(rb'(?im)^Message-ID:\\s*(<[^>]+>)', envelope.content)
        with open(sys.argv[2], 'a') as store:
            store.write(json.dumps({'id': found.group(1).decode(), 'to': envelope.rcpt_tos}) + '\\n')
        return '250 OK'

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Store(), enable_SMTPUTF8=True), '127.0.0.1', int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(main())
`;

export async function aiosmtpd(): Promise<RealServer> {
  const root = await debian('aiosmtpd');
  const home = await folder();
  const port = await freePort();
  const file = join(home, 'store');
  await writeFile(file, '');
  await writeFile(join(home, 'server.py'), AIOSMTPD);
  const server = await RunningServer.start({
    root,
    port,
    prepare: `export PYTHONPATH=${root}/usr/lib/python3/dist-packages`,
    command: ['/usr/bin/env', 'python3', join(home, 'server.py'), String(port), file],
  });
  return {
    ...addresses,
    options: { host: '127.0.0.1', port },
    stored: (copies) =>
      settled(copies, async () => {
        const store = new Map<string, string[]>();
        for (const line of (await readFile(file, 'utf8')).split('\n').filter(Boolean)) {
          const { id, to } = JSON.parse(line) as { id: string; to: string[] };
          put(store, `Message-ID: ${id}`, to);
        }
        return store;
      }),
    async stop() {
      await server.stop();
      await remove(home);
    },
  };
}
