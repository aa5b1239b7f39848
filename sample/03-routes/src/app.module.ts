import { Module } from '@nestjs/common';
import { MailModule } from 'nestjs-mail-relay';
import { Transports, STRATEGIES } from './transports.js';
import { TransportsModule } from './transports.module.js';
import { RoutesController } from './routes.controller.js';
import { Traffic } from './traffic.js';

@Module({
  imports: [
    TransportsModule,
    ...STRATEGIES.map((name) =>
      MailModule.forRootAsync({
        name,
        imports: [TransportsModule],
        inject: [Transports],
        useFactory: ({ routes }: Transports) => ({
          transport: routes[name],
          defaults: { from: 'Sample <sample@example.com>' },
        }),
      }),
    ),
  ],
  controllers: [RoutesController],
  providers: [Traffic],
})
export class AppModule {}
