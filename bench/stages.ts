/**
 * `node --min-semi-space-size=128 --max-semi-space-size=128 bench/dist/bench/stages.js`: what each stage before the wire costs
 * alone, in CPU time and in bytes of young heap a mail.
 */
import { systemClock } from '../lib/base/clock.js';
import { EventBus } from '../lib/events/event-bus.js';
import { MailService } from '../lib/service/mail.service.js';
import { createMail } from '../lib/message/create-mail.js';
import { composeMime } from '../lib/message/mime/compose.js';
import type { MailTransport } from '../lib/transports/transport.js';
import { messageOf } from './messages.js';
import { printTable } from './table.js';

const messages = Array.from({ length: 500 }, (_, i) => messageOf(i));
const mails = messages.map((message) => createMail(message));
const taker: MailTransport = {
  name: 'taker',
  deliver: async ({ envelope }) => ({
    ...{ transport: 'taker', accepted: envelope.to, rejected: [], response: '250 Ok' },
  }),
  verify: () => Promise.resolve(),
  close: () => Promise.resolve(),
  destroy: () => Promise.resolve(),
};
const service = new MailService({ transport: taker, events: new EventBus(), clock: systemClock });

const STAGES: Record<string, (i: number) => unknown> = {
  'make the message': (i) => messageOf(i),
  'createMail, seen strings': (i) => createMail(messages[i % 500]!),
  'make the message + createMail': (i) => createMail(messageOf(i)),
  composeMime: (i) => composeMime(mails[i % 500]!),
  'make + createMail + composeMime': (i) => composeMime(createMail(messageOf(i))),
  'MailService.send, seen strings': (i) => service.send(messages[i % 500]!),
  'make + MailService.send': (i) => service.send(messageOf(i)),
};

async function run(stage: (i: number) => unknown, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const done = stage(i);
    if (done instanceof Promise) await done;
  }
}

const rows: string[][] = [];
for (const [name, stage] of Object.entries(STAGES)) {
  await run(stage, 20_000);
  let best = Infinity;
  for (let turn = 0; turn < 5; turn += 1) {
    const from = process.cpuUsage();
    await run(stage, 10_000);
    const { user, system } = process.cpuUsage(from);
    best = Math.min(best, (user + system) / 10_000);
  }
  let least = Infinity;
  for (let turn = 0; turn < 8; turn += 1) {
    const before = process.memoryUsage().heapUsed;
    await run(stage, 500);
    const grown = process.memoryUsage().heapUsed - before;
    if (grown > 0) least = Math.min(least, grown / 500);
  }
  rows.push([name, best.toFixed(2), least.toFixed(0)]);
}
printTable([['', 'us', 'bytes'], ...rows]);
