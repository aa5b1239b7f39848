import { Module } from '@nestjs/common';
import { MailModule } from 'nestjs-mail-relay';
import { Roads } from './roads.js';
import { RoadsModule } from './roads.module.js';
import { RoutesController } from './routes.controller.js';
import { Traffic } from './traffic.js';

@Module({
  imports: [
    RoadsModule,
    MailModule.forRootAsync({
      imports: [RoadsModule],
      inject: [Roads],
      useFactory: ({ route }: Roads) => ({
        transport: route,
        defaults: { from: 'Sample <sample@example.com>' },
      }),
    }),
  ],
  controllers: [RoutesController],
  providers: [Traffic],
})
export class AppModule {}
