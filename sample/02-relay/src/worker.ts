import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { WorkerModule } from './app.module.js';
import { Counts } from './counts.js';

const url = process.env['SMTP_URL'];
if (!url) {
  console.error('Set SMTP_URL to what the app has printed.');
  process.exit(1);
}
const app = await NestFactory.createApplicationContext(WorkerModule.deliveringTo(url), {
  logger: ['log', 'warn', 'error'],
});
app.enableShutdownHooks(['SIGINT', 'SIGTERM'], { useProcessExit: true });
console.log(`Worker ${process.pid} delivers. Stop: Ctrl-C, or kill ${process.pid}\n`);

const counts = app.get(Counts);
let last = '';
setInterval(() => {
  const { sent, deferred, dead } = counts;
  const line = `${sent} sent, ${deferred} deferred, ${dead} given up`;
  if (line !== last) console.log(line);
  last = line;
}, 1_000).unref();
