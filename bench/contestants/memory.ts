import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MailModule, MailService } from '../../lib/index.js';
import { messageOf } from '../messages.js';

/** A process that sends many messages in one go and watches its resident memory. */
export interface MemoryTask {
  readonly port: number;
  readonly count: number;
  readonly limitMs: number;
  readonly pool?: object;
}

export interface MemoryResult {
  readonly sent: number;
  readonly seconds: number;
  /** Greatest resident memory in the second fifth of the time, and in the last, in bytes. */
  readonly early: number;
  readonly late: number;
}

@Module({})
class App {}

async function run({ port, count, limitMs, pool }: MemoryTask): Promise<MemoryResult> {
  const transport = { type: 'smtp' as const, host: '127.0.0.1', port, pool };
  const root = { module: App, imports: [MailModule.forRoot({ transport })] };
  const app = await NestFactory.createApplicationContext(root, { logger: false });
  const mail = app.get(MailService);
  const samples: number[] = [];
  const timer = setInterval(() => samples.push(process.memoryUsage.rss()), 50);
  const started = performance.now();
  const over = (): boolean => performance.now() - started > limitMs;
  let sent = 0;
  const source = function* (): Generator<object> {
    for (let i = 0; i < count && !over(); i += 1) yield messageOf(i);
  };
  await new Promise<void>((resolve, reject) => {
    mail.sendMany(source()).subscribe({
      next: ({ error }) => {
        if (error) reject(error);
        else sent += 1;
      },
      error: reject,
      complete: resolve,
    });
  });
  const seconds = (performance.now() - started) / 1000;
  clearInterval(timer);
  await app.close();
  const fifth = Math.floor(samples.length / 5);
  return {
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
