import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { MailModule, MailService } from '../../lib/index.js';
import { messageOf } from '../messages.js';
import { startLanes } from './cell.js';

/** A process that sends many messages in one go and watches its resident memory. */
export interface MemoryTask {
  readonly port: number;
  readonly count: number;
  readonly limitMs: number;
  readonly pool?: object;
}

export interface MemoryResult {
  /** `sendMany`, or `send` from many callers while there is no `sendMany`. */
  readonly how: string;
  readonly sent: number;
  readonly seconds: number;
  /** Greatest resident memory in the second fifth of the time, and in the last, in bytes. */
  readonly early: number;
  readonly late: number;
}

type SendMany = (source: Iterable<object>) => Observable<unknown>;

@Module({})
class App {}

async function run({ port, count, limitMs, pool }: MemoryTask): Promise<MemoryResult> {
  const transport = { type: 'smtp' as const, host: '127.0.0.1', port, pool };
  const root = { module: App, imports: [MailModule.forRoot({ transport })] };
  const app = await NestFactory.createApplicationContext(root, { logger: false });
  const mail: MailService & { sendMany?: SendMany } = app.get(MailService);
  const samples: number[] = [];
  const timer = setInterval(() => samples.push(process.memoryUsage.rss()), 50);
  const started = performance.now();
  const over = (): boolean => performance.now() - started > limitMs;
  let sent = 0;
  const { sendMany } = mail;
  if (sendMany) {
    const source = function* (): Generator<object> {
      for (let i = 0; i < count && !over(); i += 1) yield messageOf(i);
    };
    await new Promise<void>((resolve, reject) => {
      sendMany.call(mail, source()).subscribe({
        next: () => (sent += 1),
        error: reject,
        complete: resolve,
      });
    });
  } else {
    let failure: unknown;
    const tally = { ack: () => (sent += 1), fail: (error: unknown) => (failure ??= error) };
    const send = (i: number): Promise<unknown> => mail.send(messageOf(i));
    const load = startLanes(300, tally, send, () => Promise.resolve());
    while (sent < count && !over() && failure === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await load.stop();
    if (failure !== undefined) throw new Error('A send failed', { cause: failure });
  }
  const seconds = (performance.now() - started) / 1000;
  clearInterval(timer);
  await app.close();
  const fifth = Math.floor(samples.length / 5);
  return {
    how: sendMany ? 'sendMany' : 'send, 300 at a time',
    sent,
    seconds,
    early: Math.max(...samples.slice(fifth, 2 * fifth)),
    late: Math.max(...samples.slice(-fifth)),
  };
}

process.on('message', (task: MemoryTask) => {
  run(task).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit());
