import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../lib/base/clock.js';
import { EventBus } from '../../lib/events/event-bus.js';
import { MailService } from '../../lib/service/mail.service.js';
import { SpoolRelay } from '../../lib/relay/spool/index.js';
import { readSpoolOptions } from '../../lib/relay/spool/spool.options.js';
import type { MailTransport } from '../../lib/transports/transport.js';
import { messageOf } from '../messages.js';
import { drainBacklog, handOver } from './load.js';
import { count, quantile, show } from './print.js';

const ONE_BY_ONE = 2_000;
const AT_ONCE = 100;
const SENDS = 30_000;

/** Takes everything at once: what is measured is the relay. */
const nowhere: MailTransport = {
  name: 'nowhere',
  capacity: 200,
  deliver: async (mail) => ({
    transport: 'nowhere',
    accepted: mail.envelope.to,
    rejected: [],
    response: '250 ok',
  }),
  verify: () => Promise.resolve(),
  close: () => Promise.resolve(),
  destroy: () => Promise.resolve(),
};

const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

/** The spool's door beside the disk's own fdatasync, then what a backlog of `backlog` mails costs. */
export async function benchSpool(path: string, backlog: number): Promise<void> {
  const folder = mkdtempSync(join(path, 'mail-bench-'));
  const service = (role: 'producer' | 'both') => {
    const options = readSpoolOptions({ path: join(folder, 'mail.db'), role });
    const relay = { relay: new SpoolRelay(options), options: options.relay };
    return new MailService({
      transport: nowhere,
      relay,
      events: new EventBus(),
      clock: systemClock,
    });
  };
  try {
    console.log('\nThe spool');
    const producer = service('producer');
    await producer.start();
    await latency(producer, join(folder, 'probe'));
    const rate = await handOver(producer, SENDS, AT_ONCE);
    show(`sends a second, ${AT_ONCE} at once`, count(rate));
    const before = process.memoryUsage().rss;
    if (backlog > 0) await handOver(producer, backlog, 500);
    const { queued = 0 } = (await producer.relay?.stats()) ?? {};
    const after = process.memoryUsage().rss;
    show(
      `memory with ${count(queued)} mails stored`,
      `${megabytes(after)} (${megabytes(before)} before the last ${count(backlog)})`,
    );
    await producer.drain(10_000);

    const worker = service('both');
    const out = await drainBacklog(worker, queued);
    show('backlog out, leased, delivered and settled', `${count(out)} a second`);
    show('memory after it', megabytes(process.memoryUsage().rss));
    await worker.drain(10_000);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In turns, so that both meet the same disk. */
async function latency(mail: MailService, probe: string): Promise<void> {
  const file = openSync(probe, 'w');
  const block = Buffer.alloc(4_096, 1);
  const sends: number[] = [];
  const syncs: number[] = [];
  for (let n = 0; n < ONE_BY_ONE; n += 1) {
    let from = performance.now();
    await mail.send(messageOf(n));
    sends.push(performance.now() - from);
    from = performance.now();
    writeSync(file, block, 0, block.length, n * block.length);
    fdatasyncSync(file);
    syncs.push(performance.now() - from);
  }
  closeSync(file);
  for (const list of [sends, syncs]) list.sort((a, b) => a - b);
  for (const q of [0.5, 0.99]) {
    const [send, sync] = [quantile(sends, q), quantile(syncs, q)];
    show(
      `one at a time, p${q * 100}`,
      `${send.toFixed(3)} ms; fdatasync ${sync.toFixed(3)} ms; ratio ${(send / sync).toFixed(2)}`,
    );
  }
}
