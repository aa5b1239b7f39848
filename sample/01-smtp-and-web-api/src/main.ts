import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { inboxPages } from 'mail-stand-ins/inbox-pages';
import { sameOrigin } from 'mail-stand-ins/same-origin';
import { AppModule } from './app.module.js';
import { FirstMails } from './first-mails.js';
import { Transports } from './transports.js';

const app = await NestFactory.create<NestExpressApplication>(AppModule, {
  logger: ['warn', 'error'],
  // JSON alone: a form on some other site must not be able to send mail through this one.
  bodyParser: false,
});
app.useBodyParser('json');
// Nor must a page on another site, whatever it calls this one.
app.use(sameOrigin([process.env['HOST'] ?? 'localhost']));
app.use(inboxPages(app.get(Transports).inbox, { emptyNote: app.get(Transports).emptyNote }));

// Ctrl-C and SIGTERM: no new mail, what is in flight finishes, connections close politely, exit 0.
app.enableShutdownHooks(['SIGINT', 'SIGTERM'], { useProcessExit: true });

const port = Number(process.env['PORT'] ?? 3000);
await app.listen(port, process.env['HOST'] ?? '127.0.0.1').catch(() => {
  // Nest has said why; most often another program has the port.
  console.error('Choose another port, or any free one: PORT=0 npm start');
  process.exit(1);
});
app.useLogger(['log', 'warn', 'error']);

await app.get(FirstMails).send();
console.log(`Inbox: ${await app.getUrl()}/\nStop: Ctrl-C, or kill ${process.pid}\n`);
