import { Module, type DynamicModule } from '@nestjs/common';
import { MailModule, type RelayRole } from 'nestjs-mail-relay';
import { Counts } from './counts.js';
import { NextHop } from './next-hop.js';
import { NextHopModule } from './next-hop.module.js';
import { relayFor } from './relay.js';
import { RelayController } from './relay.controller.js';
import { Traffic } from './traffic.js';

const defaults = { from: 'Sample <sample@example.com>' };

/** Takes mail; delivers it, too, unless it is a `producer`. */
@Module({})
export class AppModule {
  static as(role: RelayRole): DynamicModule {
    return {
      module: AppModule,
      imports: [
        NextHopModule,
        MailModule.forRootAsync({
          relay: relayFor(role),
          imports: [NextHopModule],
          inject: [NextHop],
          useFactory: ({ url }: NextHop) => ({ transport: url, defaults }),
        }),
      ],
      controllers: [RelayController],
      providers: [Counts, Traffic],
    };
  }
}

/** Only delivers: what another process has handed over. */
@Module({})
export class WorkerModule {
  static deliveringTo(transport: string): DynamicModule {
    return {
      module: WorkerModule,
      imports: [MailModule.forRoot({ transport, relay: relayFor('worker') })],
      providers: [Counts],
    };
  }
}
