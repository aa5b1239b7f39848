import type { Cell, CellResult, StartLoad } from './cell.js';

/**
 * `contestant <name>`: a process that runs the cells it is sent, one at a time. It loads no other
 * contestant: mails that one makes beforehand and keeps teach V8 to allocate all mails for a long life.
 */
const CONTESTANTS: Readonly<Record<string, () => Promise<StartLoad>>> = {
  service: async () => (await import('./service.js')).startService,
  transport: async () => (await import('./transport.js')).startTransport,
  nodemailer: async () => (await import('./nodemailer.js')).startNodemailer,
  'raw wire': async () => (await import('./raw-wire.js')).startRawWire,
  'web-api': async () => (await import('./web-api.js')).startWebApi,
  '@sendgrid/mail': async () => (await import('./web-api.js')).startSendGridMail,
  'raw http': async () => (await import('./web-api.js')).startRawHttp,
};

const [, , name = ''] = process.argv;
const load = CONTESTANTS[name];
if (!load) throw new Error(`No contestant is called ${name}`);
const starting = load();

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function run(cell: Cell): Promise<CellResult> {
  let acked = 0;
  let failed = 0;
  let failure: string | undefined;
  const start = await starting;
  const load = await start(cell, {
    ack: () => {
      acked += 1;
    },
    fail: (error) => {
      failed += 1;
      failure ??= error instanceof Error ? error.message : String(error);
    },
  });
  await sleep(cell.warmMs);
  const before = { acked, at: performance.now(), cpu: process.cpuUsage() };
  await sleep(cell.cellMs);
  const measured = acked - before.acked;
  const elapsedMs = performance.now() - before.at;
  const { user, system } = process.cpuUsage(before.cpu);
  await load.stop();
  return {
    acked,
    measured,
    elapsedMs,
    cpuMicros: user + system,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    failed,
    failure,
  };
}

process.on('message', (cell: Cell) => {
  run(cell).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit());
