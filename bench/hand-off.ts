/**
 * `npm run bench:hand-off`: how long `send` keeps the app waiting, one mail at a time, by who takes the
 * mail: the provider itself, the spool, a Postfix beside the app, the spool in front of that Postfix. One
 * run, in turns. The provider is a process of its own, `--rtt` milliseconds away (20). Postfix needs root.
 *
 * `--mails N`: of each turn (1,000). `--path FOLDER`: the disk of the spool.
 */
import { cpus, loadavg, tmpdir } from 'node:os';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../lib/base/clock.js';
import { EventBus } from '../lib/events/event-bus.js';
import { SpoolRelay } from '../lib/relay/spool/index.js';
import { readSpoolOptions } from '../lib/relay/spool/spool.options.js';
import { MailService } from '../lib/service/mail.service.js';
import { SmtpTransport } from '../lib/transports/smtp/smtp.transport.js';
import { Sink } from './children.js';
import { messageOf } from './messages.js';
import { count, quantile } from './relay/print.js';

const { values } = parseArgs({
  options: {
    mails: { type: 'string', default: '1000' },
    rtt: { type: 'string', default: '20' },
    path: { type: 'string', default: tmpdir() },
  },
});
const mails = Number(values.mails);
const folder = mkdtempSync(join(values.path, 'mail-bench-'));

async function turn(name: string, port: number, spooled: boolean): Promise<void> {
  const transport = new SmtpTransport({ host: '127.0.0.1', port });
  const options = readSpoolOptions({ path: join(folder, `${name.replaceAll(' ', '-')}.db`) });
  const service = new MailService({
    transport,
    events: new EventBus(),
    clock: systemClock,
    ...(spooled && { relay: { relay: new SpoolRelay(options), options: options.relay } }),
  });
  await service.start();
  // The first mails pay for connections, files and compiled code.
  for (let n = 0; n < 20; n += 1) await service.send(messageOf(n));
  const times: number[] = [];
  for (let n = 0; n < mails; n += 1) {
    const message = messageOf(n);
    const from = performance.now();
    await service.send(message);
    times.push(performance.now() - from);
  }
  await service.drain(60_000);
  times.sort((a, b) => a - b);
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
  console.log(`${name.padEnd(32)}${p50.toFixed(2).padStart(10)}${p99.toFixed(2).padStart(10)}`);
}

const provider = await Sink.start('chunking-sink');
const far = await Sink.start('delay-proxy', provider.port, Number(values.rtt) / 2);
const postfix = await Sink.start('postfix');
try {
  console.log(
    `node ${process.version}, ${cpus().length} CPUs, load ${loadavg()[0]!.toFixed(1)}, ${postfix.about}; ` +
      `${count(mails)} mails one at a time, provider ${values.rtt} ms away`,
  );
  console.log(`${'hand-off, milliseconds'.padEnd(32)}${'p50'.padStart(10)}${'p99'.padStart(10)}`);
  await turn('direct', far.port, false);
  await turn('spool', far.port, true);
  await turn('Postfix', postfix.port, false);
  await turn('spool in front of Postfix', postfix.port, true);
} finally {
  await Promise.all([far.stop(), provider.stop(), postfix.stop()]);
  rmSync(folder, { recursive: true, force: true });
}
