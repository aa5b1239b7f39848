import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MailModule, MailService } from '../../lib/index.js';
import { messageOf } from '../messages.js';
import { lanesFor, startLanes, type StartLoad } from './cell.js';

@Module({})
class App {
  static sendingTo(port: number, pool: object | undefined): DynamicModule {
    const transport = { type: 'smtp' as const, host: '127.0.0.1', port, pool };
    return { module: App, imports: [MailModule.forRoot({ transport })] };
  }
}

/** The whole path: `MailService.send` inside a Nest app. */
export const startService: StartLoad = async (cell, tally) => {
  const root = App.sendingTo(cell.port, cell.pool);
  const app = await NestFactory.createApplicationContext(root, { logger: false });
  const mail = app.get(MailService);
  const send = (i: number): Promise<unknown> => mail.send(messageOf(i));
  return startLanes(lanesFor(cell), tally, send, () => app.close());
};
