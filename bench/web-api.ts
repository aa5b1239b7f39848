/**
 * Mails a second over the Web API, ours beside @sendgrid/mail at equal concurrency, and recipients a
 * second by `sendBulk`. One sink, in a process of its own, behind a delay. `--quick` takes a third of
 * the time.
 */
import { createRequire } from 'node:module';
import { lastValueFrom } from 'rxjs';
import { systemClock } from '../lib/clock.js';
import { EventBus } from '../lib/events/event-bus.js';
import { MailService } from '../lib/mail.service.js';
import { createTransport } from '../lib/transports/transport.factory.js';
import { Sink } from './children.js';

const QUICK = process.argv.includes('--quick');
const TURN_MS = QUICK ? 700 : 2_000;
const TURNS = QUICK ? 1 : 2;
const RTTS = [0, 20, 100];
const CONCURRENCIES = [1, 50];
const KEY = 'SG.bench';

interface TheirClient {
  setApiKey(key: string): void;
  setDefaultRequest(key: string, value: string): void;
}
interface TheirService {
  setClient(client: TheirClient): void;
  send(data: object): Promise<unknown>;
}
const require = createRequire(import.meta.url);
const { MailService: TheirMailService } = require('@sendgrid/mail') as {
  MailService: new () => TheirService;
};
const { Client } = require('@sendgrid/client') as { Client: new () => TheirClient };
const { version } = require('@sendgrid/mail/package.json') as { version: string };

const line = 'Your order has left our house and is on its way to you with the morning van.\n';
const content = { text: line.repeat(12), html: `<p>${line.repeat(12)}</p>` };
const from = 'hello@shop.example';

const toOf = (index: number): string => `customer-${index}@mail.example`;
const subjectOf = (index: number): string => `Your order ${index} is on its way`;

function ours(port: number, connections: number): MailService {
  const transport = createTransport(
    `sendgrid://${KEY}@127.0.0.1:${port}?connections=${connections}`,
  );
  return new MailService({ transport, events: new EventBus(), clock: systemClock });
}

function theirs(port: number): TheirService {
  const client = new Client();
  client.setApiKey(KEY);
  client.setDefaultRequest('baseUrl', `http://127.0.0.1:${port}/`);
  const service = new TheirMailService();
  service.setClient(client);
  return service;
}

/** Mails a second, with so many under way all the time. */
async function rate(concurrency: number, send: (index: number) => Promise<unknown>) {
  let index = 0;
  // One round, so that connections are there and code is warm.
  await Promise.all(Array.from({ length: concurrency }, () => send((index += 1))));
  const start = performance.now();
  let done = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - start < TURN_MS) {
      await send((index += 1));
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return (done / (performance.now() - start)) * 1000;
}

async function bulkRate(service: MailService, count: number): Promise<number> {
  const message = { from, subject: 'Hello {{ name }}', ...content };
  function* recipients() {
    for (let i = 0; i < count; i += 1) yield { to: toOf(i), context: { name: `N${i}` } };
  }
  const start = performance.now();
  const { progress } = await lastValueFrom(service.sendBulk(message, recipients()));
  if (progress.sent !== count) throw new Error(`${progress.failed} of ${count} failed`);
  return (count / (performance.now() - start)) * 1000;
}

const cell = (value: number | string, width = 12): string =>
  (typeof value === 'number' ? Math.round(value).toLocaleString('en') : value).padStart(width);

async function compare(port: number, rtt: number, concurrency: number): Promise<void> {
  const us = ours(port, concurrency);
  const them = theirs(port);
  let our = 0;
  let their = 0;
  // Turns alternate, so that a busy moment of the machine meets both; the best turn of each counts.
  for (let turn = 0; turn < TURNS; turn += 1) {
    const mail = (to: string, index: number) => ({
      from,
      to,
      subject: subjectOf(index),
      ...content,
    });
    our = Math.max(our, await rate(concurrency, (index) => us.send(mail(toOf(index), index))));
    their = Math.max(
      their,
      await rate(concurrency, (index) => them.send(mail(toOf(index), index))),
    );
  }
  await us.drain(1000);
  const bound = rtt === 0 ? '–' : `${((our / (concurrency / (rtt / 1000))) * 100).toFixed(0)}%`;
  const ratio = `${(our / their).toFixed(1)}x`;
  console.log(
    cell(rtt, 6) + cell(concurrency) + cell(our) + cell(their, 16) + cell(ratio, 8) + cell(bound),
  );
}

async function bulk(port: number, rtt: number): Promise<void> {
  const service = ours(port, 10);
  const send = (index: number) =>
    service.send({ from, to: toOf(index), subject: subjectOf(index), ...content });
  const one = await rate(1, send);
  await bulkRate(service, 1000);
  const many = await bulkRate(service, QUICK ? 20_000 : 100_000);
  await service.drain(1000);
  console.log(cell(rtt, 6) + cell(many) + cell(one, 16) + cell(`${(many / one).toFixed(0)}x`, 8));
}

const sink = await Sink.start('web-api-sink');
console.log(`Web API, mails/s; node ${process.version}, @sendgrid/mail ${version}`);
console.log(
  cell('RTT', 6) +
    cell('in flight') +
    cell('ours') +
    cell('@sendgrid/mail', 16) +
    cell('ratio', 8) +
    cell('of n ÷ RTT'),
);
// Both warm, so that the first cell is no slower than the others.
for (const warm of [ours(sink.port, 50), theirs(sink.port)]) {
  const send = (index: number) => warm.send({ from, to: toOf(index), subject: 'Warm', ...content });
  await rate(50, send);
  await rate(50, send);
}
const proxies = new Map<number, Sink>();
for (const rtt of RTTS) {
  if (rtt > 0) proxies.set(rtt, await Sink.start('delay-proxy', sink.port, rtt / 2));
  const port = proxies.get(rtt)?.port ?? sink.port;
  for (const concurrency of CONCURRENCIES) await compare(port, rtt, concurrency);
}
console.log('\nOne message to many, recipients/s');
console.log(cell('RTT', 6) + cell('sendBulk') + cell('one by one', 16) + cell('ratio', 8));
for (const rtt of RTTS) await bulk(proxies.get(rtt)?.port ?? sink.port, rtt);
for (const child of [...proxies.values(), sink]) await child.stop();
