import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../lib/base/clock.js';
import { EventBus } from '../../lib/events/event-bus.js';
import { MailService } from '../../lib/service/mail.service.js';
import { SpoolRelay } from '../../lib/relay/spool/index.js';
import { readSpoolOptions } from '../../lib/relay/spool/spool.options.js';
import { SmtpTransport } from '../../lib/transports/smtp/smtp.transport.js';
import { Sink } from '../children.js';
import { alone, drainBacklog, flow, handOver } from './load.js';
import { count, percent, show } from './print.js';

const RTT_MS = 20;
const CONNECTIONS = 5;
/** The pool's default, where the wire bounds all three; and enough that something else does. */
const WINDOWS = [50, 100];
const GOAL = 10_000;
/** The share of the machine that others take changes by the second; each figure is the best of these. */
const TURNS = 2;

/** Mails a second. */
interface Turn {
  readonly alone: number;
  readonly backlog: number;
  readonly through: number;
}

/**
 * The spool in front of an SMTP server with CHUNKING that is 20 ms away, beside the transport alone, in
 * turns. The server is a process of its own, and so is the distance; it counts what it took.
 */
export async function benchTransport(path: string, mails: number): Promise<void> {
  const sink = await Sink.start('chunking-sink');
  const far = await Sink.start('delay-proxy', sink.port, RTT_MS / 2);
  const folder = mkdtempSync(join(path, 'mail-bench-'));
  let files = 0;
  let expected = 0;
  const open = (maxInFlight: number) =>
    new SmtpTransport({
      host: '127.0.0.1',
      port: far.port,
      pool: { maxConnections: CONNECTIONS, maxInFlight },
    });
  const service = (file: string, role: 'producer' | 'both', transport: SmtpTransport) => {
    const options = readSpoolOptions({ path: join(folder, file), role });
    const relay = { relay: new SpoolRelay(options), options: options.relay };
    return new MailService({ transport, relay, events: new EventBus(), clock: systemClock });
  };

  async function turn(window: number): Promise<Turn> {
    const transport = open(window);
    const lone = await alone(transport, mails);
    await transport.close();

    files += 1;
    const producer = service(`${files}.db`, 'producer', open(window));
    await producer.start();
    await handOver(producer, mails, 500);
    await producer.drain(10_000);
    const worker = service(`${files}.db`, 'both', open(window));
    const backlog = await drainBacklog(worker, mails);
    await worker.drain(10_000);

    files += 1;
    const both = service(`${files}.db`, 'both', open(window));
    await both.start();
    const through = await flow(both, mails);
    await both.drain(10_000);
    expected += 3 * mails;
    return { alone: lone, backlog, through };
  }

  try {
    console.log(
      `\nOver SMTP to a CHUNKING server ${RTT_MS} ms away, ${CONNECTIONS} connections, ${count(mails)} mails each`,
    );
    for (const window of WINDOWS) {
      const turns: Turn[] = [];
      for (let n = 0; n < TURNS; n += 1) turns.push(await turn(window));
      const best = (key: keyof Turn) => Math.max(...turns.map((one) => one[key]));
      const line = (name: string, rate: number) =>
        show(
          `maxInFlight ${window}, ${name}`,
          `${count(rate)} a second, ${percent(rate, best('alone'))} of the transport`,
        );
      show(`maxInFlight ${window}, transport alone`, `${count(best('alone'))} a second`);
      line('a backlog out', best('backlog'));
      line('from send to reply', best('through'));
      if (window === WINDOWS.at(-1)) {
        const reached = Math.min(best('backlog'), best('through')) >= GOAL;
        show(`goal ${count(GOAL)} a second`, reached ? 'yes' : 'NO');
      }
    }
    const took = await sink.settled(expected);
    if (took !== expected) throw new Error(`${expected} mails were sent, ${took} arrived`);
  } finally {
    await far.stop();
    await sink.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
