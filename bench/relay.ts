/**
 * The spool: how long a hand-off takes beside the disk's own fdatasync, how many a second are taken at
 * once, how fast the backlog leaves, and what memory a backlog takes.
 * `--backlog N` stores N mails for the last one (default 20,000), `--path FOLDER` chooses the disk.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { filter, firstValueFrom, lastValueFrom, scan } from 'rxjs';
import { systemClock } from '../lib/clock.js';
import { EventBus } from '../lib/events/event-bus.js';
import { MailService } from '../lib/mail.service.js';
import type { MailMessage } from '../lib/message/message.js';
import { SpoolRelay } from '../lib/relay/spool/index.js';
import { readSpoolOptions } from '../lib/relay/spool/spool.options.js';
import type { MailTransport } from '../lib/transports/transport.js';

const { values } = parseArgs({
  options: { backlog: { type: 'string', default: '20000' }, path: { type: 'string' } },
});
const BACKLOG = Number(values.backlog);
const ONE_BY_ONE = 2_000;
const AT_ONCE = 100;
const SENDS = 30_000;

const text = 'Your order has left our house and is on its way to you.\n'.repeat(25);
const message = (n: number): MailMessage => ({
  from: 'Shop <hello@shop.example>',
  to: `jo+${n}@example.net`,
  subject: `Order ${n}`,
  text,
  html: `<p>${text.slice(0, 500)}</p>`,
});

/** Takes everything at once: what is measured is the relay. */
const nowhere: MailTransport = {
  name: 'nowhere',
  capacity: 200,
  deliver: async (mail) => ({
    road: 'nowhere',
    accepted: mail.envelope.to,
    rejected: [],
    response: '250 ok',
  }),
  verify: () => Promise.resolve(),
  close: () => Promise.resolve(),
  destroy: () => Promise.resolve(),
};

const folder = mkdtempSync(join(values.path ?? tmpdir(), 'mail-bench-'));
const events = new EventBus();

function service(role: 'producer' | 'worker'): MailService {
  const options = readSpoolOptions({ path: join(folder, 'mail.db'), role, keepSentMs: 0 });
  const relay = { relay: new SpoolRelay(options), options: options.relay };
  return new MailService({ transport: nowhere, relay, events, clock: systemClock });
}

const quantile = (sorted: readonly number[], q: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
const show = (name: string, value: string) => console.log(`${name.padEnd(44)}${value}`);
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

/** In turns, so that both meet the same disk. */
async function latency(mail: MailService): Promise<void> {
  const file = openSync(join(folder, 'probe'), 'w');
  const block = Buffer.alloc(4_096, 1);
  const sends: number[] = [];
  const syncs: number[] = [];
  for (let n = 0; n < ONE_BY_ONE; n += 1) {
    let from = performance.now();
    await mail.send(message(n));
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
    const ratio = (send / sync).toFixed(2);
    show(
      `one at a time, p${q * 100}`,
      `${send.toFixed(3)} ms; fdatasync ${sync.toFixed(3)} ms; ratio ${ratio}`,
    );
  }
}

async function throughput(mail: MailService, count: number, concurrency: number): Promise<number> {
  function* source(): Generator<MailMessage> {
    for (let n = 0; n < count; n += 1) yield message(n);
  }
  const from = performance.now();
  await lastValueFrom(mail.sendMany(source(), { concurrency }));
  return (count / (performance.now() - from)) * 1_000;
}

try {
  const producer = service('producer');
  await producer.start();
  await latency(producer);
  const rate = await throughput(producer, SENDS, AT_ONCE);
  show(`sends a second, ${AT_ONCE} at once`, Math.round(rate).toLocaleString('en'));
  const before = process.memoryUsage().rss;
  if (BACKLOG > 0) await throughput(producer, BACKLOG, 500);
  const { queued = 0 } = (await producer.relay?.stats()) ?? {};
  show(
    `memory with ${queued.toLocaleString('en')} mails stored`,
    `${megabytes(process.memoryUsage().rss)} (${megabytes(before)} before the last ${BACKLOG.toLocaleString('en')})`,
  );
  await producer.drain(10_000);

  const all = new EventBus();
  const options = readSpoolOptions({ path: join(folder, 'mail.db') });
  const relay = { relay: new SpoolRelay(options), options: options.relay };
  const worker = new MailService({ transport: nowhere, relay, events: all, clock: systemClock });
  const done = firstValueFrom(
    worker.events$.pipe(
      filter(({ type }) => type === 'sent'),
      scan((sum) => sum + 1, 0),
      filter((sum) => sum === queued),
    ),
  );
  const from = performance.now();
  await worker.start();
  await done;
  const seconds = (performance.now() - from) / 1_000;
  show('backlog out, leased, delivered and settled', `${Math.round(queued / seconds).toLocaleString('en')} a second`); // prettier-ignore
  show('memory after it', megabytes(process.memoryUsage().rss));
  await worker.drain(10_000);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
