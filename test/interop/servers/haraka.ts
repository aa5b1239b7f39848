import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { npm } from '../packages.js';
import { freePort, RunningServer } from '../private-root.js';
import { folder, put, type RealServer, remove, settled } from '../real-server.js';

/** Refuses whoever is "gone", and writes down what it queues. */
const PLUGIN = (file: string) => `
const fs = require('node:fs');
const addressOf = (one) => (typeof one.address === 'function' ? one.address() : one.address);
exports.hook_rcpt = (next, connection, [rcpt]) =>
  /gone/.test(addressOf(rcpt)) ? next(DENY, 'no such user') : next(OK);
exports.hook_queue = (next, connection) => {
  const { header, rcpt_to } = connection.transaction;
  const to = rcpt_to.map((one) => String(addressOf(one)));
  const line = JSON.stringify({ id: header.get('Message-ID').trim(), to });
  fs.appendFile(${JSON.stringify(file)}, line + '\\n', () => next(OK));
};
`;

export async function haraka(): Promise<RealServer> {
  const root = await npm('Haraka', '3.3');
  const home = await folder();
  const port = await freePort();
  const file = join(home, 'store');
  // Without its own defaults it greets nobody.
  await cp(join(root, 'node_modules/Haraka/config'), join(home, 'config'), { recursive: true });
  await mkdir(join(home, 'plugins'));
  const config: Record<string, string> = {
    'config/smtp.ini': `listen=127.0.0.1:${port}\nnodes=0\n`,
    'config/plugins': 'store\n',
    'config/me': 'haraka.test\n',
    'config/log.ini': '[main]\nlevel=warn\n',
    'plugins/store.js': PLUGIN(file),
    'package.json': '{ "type": "commonjs" }',
    store: '',
  };
  for (const [name, text] of Object.entries(config)) await writeFile(join(home, name), text);
  const server = await RunningServer.start({
    root,
    port,
    command: [process.execPath, join(root, 'node_modules/Haraka/bin/haraka'), '-c', home],
  });
  return {
    options: { host: '127.0.0.1', port },
    good: (i) => `here-${i}@example.net`,
    refused: (i) => `gone-${i}@example.net`,
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
