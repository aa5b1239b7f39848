/**
 * `npm run bench:web-api`: mails a second over the Web API, ours beside @sendgrid/mail at equal
 * concurrency and beside a bare HTTP client, and recipients a second by `sendBulk`. Every contestant and
 * the sink is a process of its own; the turns alternate and the median one counts. `--quick` takes a
 * third of the time; `--rtt=<ms>` only this distance; `--turns=<n>`.
 */
import { createRequire } from 'node:module';
import { lastValueFrom } from 'rxjs';
import { systemClock } from '../lib/base/clock.js';
import { EventBus } from '../lib/events/event-bus.js';
import { MailService } from '../lib/service/mail.service.js';
import { createTransport } from '../lib/transports/transport.factory.js';
import { Child, Sink } from './children.js';
import type { Cell, CellResult } from './contestants/cell.js';
import { messageOf } from './messages.js';
import { printTable, rate, ratio } from './table.js';

const flag = (name: string): string | undefined => {
  const given = process.argv.find((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
  return given?.slice(name.length + 3);
};
const quick = flag('quick') !== undefined;
const turns = Number(flag('turns') ?? (quick ? 3 : 7));
const only = flag('rtt');
const RTTS = [0, 20, 100].filter((rtt) => only === undefined || rtt === Number(only));
const CONCURRENCIES = [1, 50];
const OURS = 'web-api';
const THEIRS = '@sendgrid/mail';
const RAW = 'raw http';
const NAMES = [OURS, THEIRS, RAW] as const;

/** How long a turn runs, in milliseconds: connections have to be there, and code warm. */
function timesOf(rtt: number): { warmMs: number; cellMs: number } {
  if (rtt >= 100) return { warmMs: 500, cellMs: quick ? 1_000 : 2_000 };
  return { warmMs: 300, cellMs: quick ? 700 : 1_200 };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

interface Turn {
  readonly perSecond: Record<string, number>;
  readonly cpuMicros: Record<string, number>;
}

const faults: string[] = [];
const children = new Map<string, Child>();

async function turn(sink: Sink, port: number, connections: number, rtt: number): Promise<Turn> {
  const perSecond: Record<string, number> = {};
  const cpuMicros: Record<string, number> = {};
  for (const name of NAMES) {
    const cell: Cell = { port, connections, mode: 'pipelining', window: 1, ...timesOf(rtt) };
    const before = await sink.accepted();
    const result = await children.get(name)!.ask<CellResult>(cell);
    const counted = (await sink.accepted()) - before;
    if (counted !== result.acked || result.failed > 0) {
      const { acked, failed, failure = '' } = result;
      faults.push(
        `${name}: ${acked} acknowledged, ${counted} counted, ${failed} failed ${failure}`,
      );
    }
    perSecond[name] = (result.measured / result.elapsedMs) * 1000;
    cpuMicros[name] = result.cpuMicros / result.measured;
  }
  return { perSecond, cpuMicros };
}

async function compare(sink: Sink, port: number, rtt: number, connections: number) {
  const all: Turn[] = [];
  for (let i = 0; i < turns; i += 1) all.push(await turn(sink, port, connections, rtt));
  const of = (what: (one: Turn) => number): number => median(all.map(what));
  const speed = (name: string): number => of(({ perSecond }) => perSecond[name]!);
  // Turn by turn: what slows the machine down for a while slows both.
  const against = of(({ perSecond }) => perSecond[OURS]! / perSecond[THEIRS]!);
  const ceiling = of(({ perSecond }) => perSecond[OURS]! / perSecond[RAW]!);
  const line = connections / (rtt / 1000);
  const share = speed(OURS) / line;
  process.stderr.write('.');
  return [
    `${rtt} ms, ${connections} in flight`,
    ...NAMES.map((name) => rate(speed(name))),
    ratio(against),
    rtt === 0 && connections > 1 ? verdict(against >= 4, '>= 4x') : '',
    percent(ceiling),
    rtt === 0 ? '' : percent(share),
    rtt === 0 ? '' : verdict(share >= 0.9, '>= 90%'),
    ...NAMES.map((name) => of(({ cpuMicros }) => cpuMicros[name]!).toFixed(0)),
  ];
}

const percent = (share: number): string => `${(share * 100).toFixed(0)}%`;
const verdict = (reached: boolean, target: string): string => `${target} ${reached ? 'yes' : 'NO'}`;

/** Recipients a second. */
async function bulkRate(service: MailService, count: number): Promise<number> {
  const { from, text, html } = messageOf(0);
  const message = { from, subject: 'Hello {{ name }}', text, html };
  function* recipients() {
    for (let i = 0; i < count; i += 1) {
      yield { to: `customer-${i}@mail.example`, context: { name: `Customer ${i}` } };
    }
  }
  const start = performance.now();
  const { progress } = await lastValueFrom(service.sendBulk(message, recipients()));
  if (progress.sent !== count) faults.push(`sendBulk: ${progress.failed} of ${count} failed`);
  return (count / (performance.now() - start)) * 1000;
}

async function oneByOne(service: MailService, forMs: number): Promise<number> {
  const start = performance.now();
  let done = 0;
  for (; performance.now() - start < forMs; done += 1) await service.send(messageOf(done));
  return (done / (performance.now() - start)) * 1000;
}

async function bulk(port: number, rtt: number): Promise<string[]> {
  const transport = createTransport(`sendgrid://SG.bench@127.0.0.1:${port}`);
  const service = new MailService({ transport, events: new EventBus(), clock: systemClock });
  const times = { one: [] as number[], many: [] as number[] };
  await bulkRate(service, 5_000);
  for (let i = 0; i < (quick ? 1 : 3); i += 1) {
    times.one.push(await oneByOne(service, quick ? 1_000 : 2_000));
    times.many.push(await bulkRate(service, quick ? 20_000 : 50_000));
  }
  await service.drain(1_000);
  const [one, many] = [median(times.one), median(times.many)];
  const target = rtt === 20 ? verdict(many / one >= 100, '>= 100x') : '';
  return [`${rtt} ms`, rate(many), rate(one), ratio(many / one), target];
}

const require = createRequire(import.meta.url);
const { version } = require('@sendgrid/mail/package.json') as { version: string };
const sink = await Sink.start('web-api-sink');
const proxies: Sink[] = [];
try {
  for (const name of NAMES) children.set(name, new Child('contestants/contestant', [name]));
  // So that the first cell is no slower than the others.
  for (const connections of CONCURRENCIES) await turn(sink, sink.port, connections, 0);
  const rows: string[][] = [];
  const bulks: string[][] = [];
  for (const rtt of RTTS) {
    let { port } = sink;
    if (rtt > 0) {
      const proxy = await Sink.start('delay-proxy', port, rtt / 2);
      proxies.push(proxy);
      ({ port } = proxy);
    }
    for (const connections of CONCURRENCIES) rows.push(await compare(sink, port, rtt, connections));
    bulks.push(await bulk(port, rtt));
  }
  process.stderr.write('\n');
  console.log(
    `Web API, mails a second; node ${process.version}, @sendgrid/mail ${version}, median of ${turns} turns`,
  );
  const cpu = NAMES.map((name) => `us ${name}`);
  printTable([
    ['', 'ours', THEIRS, RAW, 'ratio', 'target', `of ${RAW}`, 'of n / RTT', 'target', ...cpu],
    ...rows,
  ]);
  console.log('\nOne message to many, recipients a second');
  printTable([['', 'sendBulk', 'one by one', 'ratio', 'target'], ...bulks]);
} finally {
  for (const child of [...children.values(), ...proxies, sink]) await child.stop();
}
for (const fault of faults) console.error(`WRONG: ${fault}`);
if (faults.length > 0) process.exitCode = 1;
