/**
 * `npm run bench`: messages a second, ours beside nodemailer's and beside what the wire can do, in the
 * same run on the same machine, over 127.0.0.1 only.
 *
 * `--quick` fewer cells and shorter ones; `--only=<text>` only sinks whose name holds it;
 * `--pool=<json>` options of our pool; `--rtt=<ms>` only this distance; `--turns=<n>`.
 */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Child, Sink } from './children.js';
import { CELLS, timesOf, WINDOW, type CellPlan } from './cells.js';
import type { Cell, CellResult } from './contestants/cell.js';
import type { MemoryResult, MemoryTask } from './contestants/memory.js';
import { bytes, printTable, rate, ratio } from './table.js';

const started = performance.now();
const flag = (name: string): string | undefined => {
  const given = process.argv.find((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
  return given?.slice(name.length + 3);
};
const quick = flag('quick') !== undefined;
const only = flag('only') ?? '';
const rttOnly = flag('rtt');
const turns = Number(flag('turns') ?? (quick ? 1 : 2));
const pool = flag('pool') === undefined ? undefined : (JSON.parse(flag('pool')!) as object);

interface Contestant {
  readonly title: string;
  readonly name: string;
  readonly connections: number;
  /** Left out of a quick run. */
  readonly full?: boolean;
}

const SERVICE = 'MailService';
const BASE = 'nodemailer 5';
const RAW = 'raw wire';
const CONTESTANTS: readonly Contestant[] = [
  { title: SERVICE, name: 'service', connections: 5 },
  { title: 'transport', name: 'transport', connections: 5, full: true },
  { title: BASE, name: 'nodemailer', connections: 5 },
  { title: 'nodemailer 20', name: 'nodemailer', connections: 20, full: true },
  { title: RAW, name: 'raw wire', connections: 5 },
];

interface Sum {
  measured: number;
  elapsedMs: number;
  cpuMicros: number;
}

const contestants = CONTESTANTS.filter(({ full }) => !quick || !full);
const children = new Map<string, Child>();
const peaks = new Map<string, number>();
const faults: string[] = [];

async function runCell(plan: CellPlan, sink: Sink, port: number): Promise<Map<string, Sum>> {
  const [warmMs, cellMs] = timesOf(plan.rttMs, quick);
  const sums = new Map<string, Sum>();
  // Turn by turn, so that a busy moment of the machine meets everybody.
  for (let turn = 0; turn < turns; turn += 1) {
    for (const { title, connections } of contestants) {
      const before = await sink.accepted();
      const cell: Cell = {
        ...{ port, mode: plan.mode, connections, window: WINDOW, pool, warmMs, cellMs },
      };
      const result = await children.get(title)!.ask<CellResult>(cell);
      const counted = (await sink.settled(before + result.acked)) - before;
      const where = `${title} at ${plan.sink}, ${plan.rttMs} ms`;
      if (counted !== result.acked) {
        faults.push(`${where}: ${result.acked} acknowledged, but the sink counted ${counted}`);
      }
      if (result.failed > 0) {
        faults.push(`${where}: ${result.failed} failed, ${result.failure ?? ''}`);
      }
      const sum = sums.get(title) ?? { measured: 0, elapsedMs: 0, cpuMicros: 0 };
      sum.measured += result.measured;
      sum.elapsedMs += result.elapsedMs;
      sum.cpuMicros += result.cpuMicros;
      sums.set(title, sum);
      peaks.set(title, result.peakBytes);
    }
  }
  return sums;
}

/** A server's own start (Postfix begets its daemons on demand) is nobody's to pay. */
async function warmUp(sink: Sink, { mode }: CellPlan): Promise<void> {
  const times = { warmMs: 0, cellMs: 500 };
  const cell: Cell = { port: sink.port, mode, connections: 5, window: 5, ...times };
  const { acked } = await children.get(RAW)!.ask<CellResult>(cell);
  await sink.settled(acked);
}

const perSecond = ({ measured, elapsedMs }: Sum): number => (measured / elapsedMs) * 1000;

async function main(): Promise<void> {
  const require = createRequire(import.meta.url);
  const { version } = require('nodemailer/package.json') as { version: string };
  const [cpu] = cpus();
  console.log(
    `node ${process.version}, nodemailer ${version}, ${cpus().length} CPUs (${cpu?.model ?? '?'}), ` +
      `load ${loadavg()[0]!.toFixed(1)}; text+html of 2.3 KB, ${turns} turn(s) a cell`,
  );
  for (const { title, name } of contestants) {
    children.set(title, new Child('contestants/contestant', [name]));
  }
  const plans = CELLS.filter(
    (plan) =>
      (!quick || plan.quick) &&
      plan.sink.includes(only) &&
      (rttOnly === undefined || plan.rttMs === Number(rttOnly)),
  );
  const rows: string[][] = [];
  const costs: string[][] = [];
  for (const name of new Set(plans.map(({ sink }) => sink))) {
    let sink: Sink;
    try {
      sink = await Sink.start(name);
    } catch (error) {
      console.log(`Without ${name}: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    await warmUp(
      sink,
      plans.find((one) => one.sink === name)!,
    );
    for (const plan of plans.filter((one) => one.sink === name)) {
      const delay =
        plan.rttMs > 0 ? await Sink.start('delay-proxy', sink.port, plan.rttMs / 2) : undefined;
      const sums = await runCell(plan, sink, delay?.port ?? sink.port);
      await delay?.stop();
      const service = perSecond(sums.get(SERVICE)!);
      const against = service / perSecond(sums.get(BASE)!);
      const ceiling = service / perSecond(sums.get(RAW)!);
      rows.push([
        `${sink.about.startsWith('a ') ? 'CHUNKING sink' : sink.about}, ${plan.rttMs} ms`,
        ...contestants.map(({ title }) => rate(perSecond(sums.get(title)!))),
        ratio(against),
        plan.target === undefined ? '' : `>= ${plan.target}x`,
        verdict(against, plan.target),
        `${Math.round(ceiling * 100)}%`,
        plan.ceilingTarget === undefined ? '' : `>= ${plan.ceilingTarget * 100}%`,
        verdict(ceiling, plan.ceilingTarget),
      ]);
      if (plan.rttMs === 0) {
        costs.push([
          rows.at(-1)![0]!,
          ...contestants.map(({ title }) => {
            const { cpuMicros, measured } = sums.get(title)!;
            return (cpuMicros / measured).toFixed(1);
          }),
        ]);
      }
      process.stderr.write('.');
    }
    await sink.stop();
  }
  process.stderr.write('\n');
  const titles = contestants.map(({ title }) => title);
  console.log('\nMessages a second, acknowledged and counted by the sink');
  printTable([['', ...titles, `to ${BASE}`, 'target', '', `of ${RAW}`, 'target', ''], ...rows]);
  console.log('\nCPU time of the client a message, in microseconds, and its greatest memory');
  printTable([
    ['', ...titles],
    ...costs,
    ['peak RSS', ...titles.map((title) => bytes(peaks.get(title)!))],
  ]);
  if (only === '') {
    console.log('\nMemory');
    console.log(await memoryLine());
  }
  console.log();
  const compose = fileURLToPath(new URL('compose.js', import.meta.url));
  const args = [compose, ...(quick ? ['--quick'] : [])];
  if (only === '') {
    const { stdout } = await promisify(execFile)(process.execPath, args);
    process.stdout.write(stdout);
  }
}

/** Many messages in one go over the CHUNKING sink: resident memory must not grow with their number. */
async function memoryLine(): Promise<string> {
  const sink = await Sink.start('chunking-sink');
  const child = new Child('contestants/memory');
  children.set('memory', child);
  const size = quick ? { count: 100_000, limitMs: 3_000 } : { count: 1_000_000, limitMs: 40_000 };
  const task: MemoryTask = { port: sink.port, pool, ...size };
  const { sent, seconds, early, late } = await child.ask<MemoryResult>(task);
  const counted = await sink.settled(sent);
  if (counted !== sent) faults.push(`memory: ${sent} sent, but the sink counted ${counted}`);
  await child.stop();
  await sink.stop();
  const grown = late - early;
  return (
    `sendMany: ${sent.toLocaleString('en')} messages in ${seconds.toFixed(0)} s, resident ${bytes(early)} early, ` +
    `${bytes(late)} late, growth ${bytes(grown)} (target < 64 MiB: ${grown < 64 * 1024 * 1024 ? 'yes' : 'NO'})`
  );
}

function verdict(value: number, target: number | undefined): string {
  if (target === undefined) return '';
  return value >= target ? 'yes' : 'NO';
}

try {
  await main();
} finally {
  await Promise.all([...children.values()].map((child) => child.stop()));
}
for (const fault of faults) console.error(`WRONG: ${fault}`);
if (faults.length > 0) process.exitCode = 1;
console.log(`\n${Math.round((performance.now() - started) / 1000)} s`);
