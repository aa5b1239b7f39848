/**
 * Mails a second over two transports whose latency changes places while they are in use: `fastest`, always
 * the one, always the other, and an oracle that knows the better transport at every moment. One run, the same
 * next hops, prints each as a share of the oracle's. `--quick` takes a third of the time.
 */
import { createMail } from '../lib/message/create-mail.js';
import type { Mail } from '../lib/message/mail.js';
import { RouteTransport } from '../lib/transports/route/route.transport.js';
import type { MailTransport } from '../lib/transports/transport.js';
import { createTransport } from '../lib/transports/transport.factory.js';
import { startSendGridServer } from '../sample/stand-ins/src/sendgrid-server.js';
import { ScriptedSmtpServer } from '../test/fixtures/scripted-smtp-server.js';

const CONCURRENCY = 10;
const FAST_MS = 5;
const SLOW_MS = 100;
const SWITCH_MS = process.argv.includes('--quick') ? 1_000 : 3_000;
const TURNS = 4;

/** Which transport is the better one now. */
let better: 'smtp' | 'web-api' = 'smtp';
const delayOf = (transport: typeof better) => (transport === better ? FAST_MS : SLOW_MS);

const smtpServer = await ScriptedSmtpServer.start({
  script: { final: () => ({ delayMs: delayOf('smtp') }) },
});
const apiServer = await startSendGridServer();

const smtp = (): MailTransport =>
  createTransport(
    `smtp://127.0.0.1:${smtpServer.port}?maxConnections=${CONCURRENCY}&maxMessages=0`,
  );
const api = (): MailTransport => {
  const inner = createTransport(
    `sendgrid://SG.stand-in@127.0.0.1:${apiServer.port}?connections=${CONCURRENCY}`,
  );
  return {
    name: inner.name,
    verify: (options) => inner.verify(options),
    close: () => inner.close(),
    destroy: (reason) => inner.destroy(reason),
    deliver: (mail, options) => {
      // The step is taken by the next request to arrive; all that are under way want the same one.
      apiServer.script({ delayMs: delayOf('web-api') });
      return inner.deliver(mail, options);
    },
  };
};

function mail(): Mail {
  return createMail({ from: 'a@example.com', to: 'b@example.net', subject: 'Hi', text: 'Hi' });
}

/** Mails a second while the transports change places `TURNS` times. */
async function measure(deliver: (mail: Mail) => Promise<unknown>): Promise<number> {
  better = 'smtp';
  for (let i = 0; i < 20; i += 1) await deliver(mail());
  let carried = 0;
  let running = true;
  const senders = Array.from({ length: CONCURRENCY }, async () => {
    while (running) {
      await deliver(mail());
      carried += 1;
    }
  });
  const from = performance.now();
  for (let turn = 0; turn < TURNS; turn += 1) {
    better = turn % 2 === 0 ? 'smtp' : 'web-api';
    await new Promise((resolve) => setTimeout(resolve, SWITCH_MS));
  }
  const seconds = (performance.now() - from) / 1000;
  const rate = carried / seconds;
  running = false;
  await Promise.all(senders);
  return rate;
}

const fastest = new RouteTransport({
  strategy: 'fastest',
  members: [{ transport: smtp() }, { transport: api() }],
});
const [one, other] = [smtp(), api()];
const runs: readonly (readonly [string, (mail: Mail) => Promise<unknown>])[] = [
  ['oracle', (m) => (better === 'smtp' ? one : other).deliver(m)],
  ['fastest', (m) => fastest.deliver(m)],
  ['always SMTP', (m) => one.deliver(m)],
  ['always Web API', (m) => other.deliver(m)],
];

console.log(
  `${CONCURRENCY} at a time; ${FAST_MS} and ${SLOW_MS} ms, changing places every ${SWITCH_MS} ms`,
);
let oracle = 0;
for (const [name, deliver] of runs) {
  const rate = await measure(deliver);
  if (name === 'oracle') oracle = rate;
  const share = `${Math.round((rate / oracle) * 100)}% of the oracle`;
  console.log(`${name.padEnd(15)} ${rate.toFixed(0).padStart(6)} mails/s  ${share}`);
}

await Promise.all([fastest, one, other].map((transport) => transport.close()));
await Promise.all([smtpServer.close(), apiServer.close()]);
