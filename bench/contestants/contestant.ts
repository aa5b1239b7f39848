import type { Cell, CellResult, StartLoad } from './cell.js';
import { startNodemailer } from './nodemailer.js';
import { startRawWire } from './raw-wire.js';
import { startService } from './service.js';
import { startTransport } from './transport.js';

/** `contestant <name>`: a process that runs the cells it is sent, one at a time. */
const CONTESTANTS: Readonly<Record<string, StartLoad>> = {
  service: startService,
  transport: startTransport,
  nodemailer: startNodemailer,
  'raw wire': startRawWire,
};

const [, , name = ''] = process.argv;
const start = CONTESTANTS[name];
if (!start) throw new Error(`No contestant is called ${name}`);

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function run(cell: Cell): Promise<CellResult> {
  let acked = 0;
  let failed = 0;
  let failure: string | undefined;
  const load = await start!(cell, {
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
