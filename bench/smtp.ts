/**
 * Messages a second over SMTP and ratios in the same run: our service, our transport, nodemailer's
 * pool and a raw ceiling, over three servers and three round-trip times. `--quick` is shorter.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { hasPostfix, Postfix } from '../test/fixtures/postfix.js';
import { nodemailer, raw, service, transport, type Contender, type Target } from './contenders.js';

const QUICK = process.argv.includes('--quick');
const TURN_MS = QUICK ? 400 : 2_000;
const WARM_UP_MS = QUICK ? 250 : 700;
const children: ChildProcess[] = [];

async function forkSink(name: string, ...args: string[]): Promise<number> {
  const child = fork(fileURLToPath(new URL(`./sinks/${name}.js`, import.meta.url)), args);
  children.push(child);
  const answer = await new Promise<{ port: number }>((resolve) => child.once('message', resolve));
  return answer.port;
}

async function smtpSink(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  children.push(spawn('/usr/sbin/smtp-sink', ['-u', 'nobody', `127.0.0.1:${port}`, '1000']));
  for (;;) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => {
        resolve(false);
      });
    });
    if (up) return port;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Messages a second, with as many sends open as fill every window twice. */
async function rate(make: (target: Target) => Promise<Contender>, target: Target): Promise<number> {
  const contender = await make(target);
  const lanes = 2 * target.connections * target.window;
  let done = 0;
  let counted = 0;
  let from = 0;
  const begin = performance.now();
  let stop = false;
  const lane = async (): Promise<void> => {
    while (!stop) {
      await contender.send();
      done += 1;
    }
  };
  const running = Promise.all(Array.from({ length: lanes }, lane));
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  from = performance.now();
  counted = done;
  await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  const result = ((done - counted) / (performance.now() - from)) * 1000;
  stop = true;
  await running;
  await contender.close();
  if (begin > from) throw new Error('the clock went back');
  return result;
}

type Maker = (target: Target) => Promise<Contender>;
const COLUMNS: [string, Maker, number][] = [
  ['MailService', service, 5],
  ['transport', transport, 5],
  ['raw wire', raw, 5],
  ['nodemailer 5', nodemailer, 5],
  ['nodemailer 20', nodemailer, 20],
];

async function row(name: string, port: number, rtt: number, chunking: boolean): Promise<void> {
  const through = rtt === 0 ? port : await forkSink('delay-proxy', String(port), String(rtt));
  const rates: number[] = [];
  for (const [title, make, connections] of COLUMNS) {
    if (make === raw && !chunking) {
      rates.push(NaN);
      continue;
    }
    const window = title.startsWith('nodemailer') ? 20 : 50;
    rates.push(await rate(make, { port: through, connections, window, chunking }));
  }
  const ratio = (rates[0]! / rates[3]!).toFixed(1);
  const share = Number.isNaN(rates[2]!) ? '' : `${Math.round((rates[1]! / rates[2]!) * 100)}%`;
  console.log(
    name.padEnd(16) +
      `${rtt} ms`.padStart(7) +
      rates
        .map((one) => (Number.isNaN(one) ? '-' : Math.round(one).toLocaleString('en')).padStart(14))
        .join('') +
      `${ratio}x`.padStart(10) +
      share.padStart(8),
  );
}

const versions = createRequire(import.meta.url)('nodemailer/package.json') as { version: string };
console.log(
  `SMTP, messages/s; node ${process.version}, nodemailer ${versions.version}, ratio: MailService to nodemailer 5`,
);
console.log(
  'server'.padEnd(16) +
    'RTT'.padStart(7) +
    COLUMNS.map(([name]) => name.padStart(14)).join('') +
    'ratio'.padStart(10) +
    'of raw'.padStart(8),
);
try {
  const chunking = await forkSink('chunking-sink');
  // The first contender would pay for the compiler.
  await rate(service, { port: chunking, connections: 5, window: 50, chunking: true });
  for (const rtt of [0, 20, 100]) await row('CHUNKING sink', chunking, rtt, true);
  if (existsSync('/usr/sbin/smtp-sink')) {
    const sink = await smtpSink();
    for (const rtt of [0, 20, 100]) await row('smtp-sink', sink, rtt, false);
  }
  if (hasPostfix) {
    const postfix = await Postfix.start({ discardMail: true });
    try {
      for (const rtt of [0, 20]) await row('Postfix', postfix.port, rtt, true);
    } finally {
      await postfix.stop();
    }
  }
} finally {
  for (const child of children) child.kill();
}
console.log(`peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`);
