/**
 * What `import 'nestjs-mail-relay'` costs an app that has `@nestjs/core` already, beside nodemailer's own import:
 * over `@nestjs/core` too, and in a process that has nothing else. Each run is a process of its own; the figures are
 * medians.
 *
 * `heap` is what stays after a collection, on V8's heap and beside it: it hardly varies. `RSS` is what the process
 * grew by, without a collection before or after, as an operator sees it: it varies by some MB. `files` are the
 * modules that were loaded.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const RUNS = 11;
const root = fileURLToPath(new URL('../../../', import.meta.url));
const CORE = ['reflect-metadata', '@nestjs/common', '@nestjs/core'];
const CASES = [
  { title: 'nestjs-mail-relay', name: './dist/index.js', before: CORE },
  { title: 'nodemailer', name: 'nodemailer', before: CORE },
  { title: 'undici', name: 'undici', before: CORE },
  { title: 'nodemailer, without @nestjs/core', name: 'nodemailer', before: [] },
];

type Kind = 'heap' | 'rss' | 'files';

const CHILD = {
  heap: (name: string) => `
    const held = () => {
      for (let i = 0; i < 4; i += 1) globalThis.gc();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = held();
    await import('${name}');
    console.log((held() - before) / 2 ** 20);`,
  rss: (name: string) => `
    const before = process.memoryUsage().rss;
    const from = performance.now();
    await import('${name}');
    const ms = performance.now() - from;
    console.log((process.memoryUsage().rss - before) / 2 ** 20, ms);`,
  files: (name: string) => `
    const { register } = await import('node:module');
    const { MessageChannel } = await import('node:worker_threads');
    const { port1, port2 } = new MessageChannel();
    let files = 0;
    port1.on('message', (url) => { if (url.startsWith('file:')) files += 1; });
    const hook = 'let port; export const initialize = (given) => { port = given; };' +
      'export const load = (url, context, next) => { port.postMessage(url); return next(url, context); };';
    register('data:text/javascript,' + encodeURIComponent(hook), { data: port2, transferList: [port2] });
    await import('${name}');
    await new Promise((resolve) => setTimeout(resolve, 100));
    console.log(files);
    process.exit();`,
} as const;

function run(kind: Kind, { name, before }: (typeof CASES)[number]): number[] {
  const first = before.map((one) => `await import('${one}');`).join('\n');
  const code = `${first}\n${CHILD[kind](name)}`;
  const args = ['--expose-gc', '--input-type=module', '-e', code];
  return execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
    .trim()
    .split(' ')
    .map(Number);
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

const costs = CASES.map(() => ({ heap: [] as number[], rss: [] as number[], ms: [] as number[] }));
// In turns, so that a busy moment of the machine is everybody's.
for (let at = 0; at < RUNS; at += 1) {
  for (const [i, one] of CASES.entries()) {
    const { heap, rss, ms } = costs[i]!;
    heap.push(run('heap', one)[0]!);
    const [grown, took] = run('rss', one);
    rss.push(grown!);
    ms.push(took!);
  }
}

console.log(
  '| over @nestjs/core | ms | heap MB | RSS MB | files |\n| --- | --- | --- | --- | --- |',
);
for (const [i, one] of CASES.entries()) {
  const { heap, rss, ms } = costs[i]!;
  const [held, grown] = [heap, rss].map((all) => median(all).toFixed(1));
  const files = run('files', one)[0]!;
  console.log(`| ${one.title} | ${median(ms).toFixed(0)} | ${held} | ${grown} | ${files} |`);
}
