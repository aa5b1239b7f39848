import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { sameOrigin } from 'mail-stand-ins/same-origin';
import { AppModule } from './app.module.js';
import { NextHop } from './next-hop.js';

const role = process.env['ROLE'] === 'producer' ? 'producer' : 'both';
const app = await NestFactory.create<NestExpressApplication>(AppModule.as(role), {
  logger: ['warn', 'error'],
  // JSON alone: a form on some other site must not be able to change anything here.
  bodyParser: false,
});
app.useBodyParser('json');
// Nor must a page on another site, whatever it calls this one.
app.use(sameOrigin([process.env['HOST'] ?? 'localhost']));
app.enableShutdownHooks(['SIGINT', 'SIGTERM'], { useProcessExit: true });

const port = Number(process.env['PORT'] ?? 3000);
await app.listen(port, process.env['HOST'] ?? '127.0.0.1').catch(() => {
  // Nest has said why; most often another program has the port.
  console.error('Choose another port, or any free one: PORT=0 npm start');
  process.exit(1);
});
app.useLogger(['log', 'warn', 'error']);
const { url } = app.get(NextHop);
console.log(`Relay: ${await app.getUrl()}/`);
console.log(`Another worker: SMTP_URL=${url} npm run worker --workspace sample/02-relay`);
console.log(`Stop: Ctrl-C, or kill ${process.pid}\n`);
