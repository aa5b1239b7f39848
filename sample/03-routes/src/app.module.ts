import { Module } from '@nestjs/common';
import { MailModule } from 'nestjs-mail-relay';
import { Roads, STRATEGIES } from './transports.js';
import { RoadsModule } from './transports.module.js';
import { RoutesController } from './routes.controller.js';
import { Traffic } from './traffic.js';

@Module({
  imports: [
    RoadsModule,
    ...STRATEGIES.map((name) =>
      MailModule.forRootAsync({
        name,
        imports: [RoadsModule],
        inject: [Roads],
        useFactory: ({ routes }: Roads) => ({
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
