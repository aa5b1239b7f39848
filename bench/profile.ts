/**
 * `node bench/dist/bench/profile.js [contestant] [sink] [pool as JSON] [connections]`: where the time of one contestant goes at RTT 0.
 * Prints self time by room and by function; the V8 profile itself is left in the folder it names.
 */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, Sink } from './children.js';
import { WINDOW } from './cells.js';
import type { Cell, CellResult } from './contestants/cell.js';
import { printTable } from './table.js';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { functionName: string; url: string; lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const [name = 'service', sinkName = 'chunking-sink', pool = '{}', connections = '5'] =
  process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'bench-profile-'));
const sink = await Sink.start(sinkName);
const execArgv = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=250'];
const child = new Child('contestants/contestant', [name], execArgv);
const mode = sinkName === 'smtp-sink' ? 'pipelining' : 'chunking';
const cell: Cell = {
  ...{
    port: sink.port,
    mode,
    connections: Number(connections),
    window: WINDOW,
    warmMs: 1000,
    cellMs: 4000,
  },
  pool: JSON.parse(pool) as object,
};
const result = await child.ask<CellResult>(cell);
await child.stop();
await sink.stop();

const file = readdirSync(folder).find((one) => one.endsWith('.cpuprofile'))!;
const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile;
const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
const byFunction = new Map<string, number>();
const byRoom = new Map<string, number>();
let total = 0;
profile.samples.forEach((id, i) => {
  const time = profile.timeDeltas[i]!;
  const { functionName, url, lineNumber } = frames.get(id)!;
  const where = url.replace(/^.*\/dist\//, '').replace(/^.*node_modules\//, '');
  const place = where === '' ? functionName : `${functionName || '(anonymous)'} ${where}`;
  const key = where === '' ? place : `${place}:${lineNumber + 1}`;
  const room = where === '' ? functionName || 'native' : where.replace(/\/[^/]*$/, '');
  byFunction.set(key, (byFunction.get(key) ?? 0) + time);
  byRoom.set(room, (byRoom.get(room) ?? 0) + time);
  total += time;
});

const mails = result.acked;
const top = (costs: Map<string, number>, count: number): string[][] =>
  [...costs]
    .sort((a, b) => b[1] - a[1])
    .slice(0, count)
    .map(([key, time]) => [
      key,
      `${((time / total) * 100).toFixed(1)}%`,
      (time / mails).toFixed(2),
    ]);

console.log(
  `${name} at ${sinkName}: ${Math.round(result.measured / (result.elapsedMs / 1000))}/s while profiled, ` +
    `${mails} mails, CPU ${(result.cpuMicros / result.measured).toFixed(1)} us a mail; ${join(folder, file)}`,
);
console.log('\nBy room');
printTable([['', 'self', 'us/mail'], ...top(byRoom, 18)]);
console.log('\nBy function');
printTable([['', 'self', 'us/mail'], ...top(byFunction, 45)]);
