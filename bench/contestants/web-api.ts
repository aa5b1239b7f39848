import { createRequire } from 'node:module';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Pool } from 'undici';
import { MailModule, MailService } from '../../lib/index.js';
import { messageOf } from '../messages.js';
import { startLanes, type StartLoad } from './cell.js';

const KEY = 'SG.bench';

@Module({})
class App {
  static sendingTo(port: number, connections: number): DynamicModule {
    const transport = `sendgrid://${KEY}@127.0.0.1:${port}?connections=${connections}`;
    return { module: App, imports: [MailModule.forRoot({ transport })] };
  }
}

/** The whole path: `MailService.send` inside a Nest app. */
export const startWebApi: StartLoad = async ({ port, connections }, tally) => {
  const root = App.sendingTo(port, connections);
  const app = await NestFactory.createApplicationContext(root, { logger: false });
  const mail = app.get(MailService);
  const send = (i: number): Promise<unknown> => mail.send(messageOf(i));
  return startLanes(connections, tally, send, () => app.close());
};

interface TheirClient {
  setApiKey(key: string): void;
  setDefaultRequest(key: string, value: string): void;
}
interface TheirService {
  setClient(client: TheirClient): void;
  send(data: object): Promise<unknown>;
}

/** The provider's own client. It opens a connection for every mail; there is no option against that. */
export const startSendGridMail: StartLoad = ({ port, connections }, tally) => {
  const require = createRequire(import.meta.url);
  const mail = require('@sendgrid/mail') as { MailService: new () => TheirService };
  const { Client } = require('@sendgrid/client') as { Client: new () => TheirClient };
  const client = new Client();
  client.setApiKey(KEY);
  client.setDefaultRequest('baseUrl', `http://127.0.0.1:${port}/`);
  const service = new mail.MailService();
  service.setClient(client);
  const send = (i: number): Promise<unknown> => service.send(messageOf(i));
  return Promise.resolve(startLanes(connections, tally, send, () => Promise.resolve()));
};

/**
 * What an HTTP client can do that has nothing to think of: undici's pool, the same request made once,
 * the answer read to its end and not looked at but for the status.
 */
export const startRawHttp: StartLoad = ({ port, connections }, tally) => {
  const { from, to, subject, text, html } = messageOf(0);
  const body = Buffer.from(
    JSON.stringify({
      personalizations: [{ to: [{ email: to }] }],
      from: { email: from },
      subject,
      content: [
        { type: 'text/plain', value: text },
        { type: 'text/html', value: html },
      ],
      headers: { 'Message-ID': '<019a0000-0000-7000-8000-000000000000@shop.example>' },
    }),
  );
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1 });
  const request = {
    method: 'POST' as const,
    path: '/v3/mail/send',
    headers: [
      ...['authorization', `Bearer ${KEY}`, 'accept', 'application/json'],
      ...['content-type', 'application/json', 'user-agent', 'raw'],
    ],
    body,
  };
  const send = (): Promise<void> =>
    new Promise((resolve, reject) => {
      let status = 0;
      pool.dispatch(request, {
        onRequestStart: () => undefined,
        onResponseStart: (_, code) => (status = code),
        onResponseData: () => undefined,
        onResponseEnd: () => {
          if (status === 202) resolve();
          else reject(new Error(`answered ${status}`));
        },
        onResponseError: (_, error) => reject(error),
      });
    });
  return Promise.resolve(startLanes(connections, tally, send, () => pool.close()));
};
