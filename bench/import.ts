/**
 * What `import 'nestjs-mail-relay'` costs an app that has `@nestjs/core` already, beside nodemailer's own
 * import: milliseconds and memory, each in a process of its own, the median of an odd number of runs.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const RUNS = 11;
const root = fileURLToPath(new URL('../../../', import.meta.url));
const cases = {
  'nestjs-mail-relay': './dist/index.js',
  nodemailer: 'nodemailer',
  undici: 'undici',
};

const CHILD = (name: string) => `
  await import('reflect-metadata');
  await import('@nestjs/common');
  await import('@nestjs/core');
  globalThis.gc();
  const before = process.memoryUsage().rss;
  const from = performance.now();
  await import('${name}');
  const ms = performance.now() - from;
  globalThis.gc();
  console.log(JSON.stringify({ ms, mb: (process.memoryUsage().rss - before) / 2 ** 20 }));
`;

interface Cost {
  readonly ms: number;
  readonly mb: number;
}

const costs: Record<string, Cost[]> = {};
// In turns, so that a busy moment of the machine is everybody's.
for (let run = 0; run < RUNS; run += 1) {
  for (const [name, from] of Object.entries(cases)) {
    const args = ['--expose-gc', '--input-type=module', '-e', CHILD(from)];
    const out = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    (costs[name] ??= []).push(JSON.parse(out) as Cost);
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
console.log('| over @nestjs/core | ms | MB |\n| --- | --- | --- |');
for (const [name, all] of Object.entries(costs)) {
  const ms = median(all.map((one) => one.ms)).toFixed(0);
  const mb = median(all.map((one) => one.mb)).toFixed(1);
  console.log(`| ${name} | ${ms} | ${mb} |`);
}
