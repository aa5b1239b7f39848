import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { MailModule } from 'nestjs-mail-relay';
import { FirstMails } from './first-mails.js';
import { MailErrorFilter } from './mail-error.filter.js';
import { MailController } from './mail.controller.js';
import { Roads } from './transports.js';
import { RoadsModule } from './transports.module.js';

@Module({
  imports: [
    RoadsModule,
    MailModule.forRootAsync({
      name: 'smtp',
      imports: [RoadsModule],
      inject: [Roads],
      useFactory: ({ smtp, from }: Roads) => ({ transport: smtp, defaults: { from } }),
    }),
    MailModule.forRootAsync({
      name: 'web-api',
      imports: [RoadsModule],
      inject: [Roads],
      useFactory: ({ webApi, from }: Roads) => ({ transport: webApi, defaults: { from } }),
    }),
  ],
  controllers: [MailController],
  providers: [FirstMails, { provide: APP_FILTER, useClass: MailErrorFilter }],
})
export class AppModule {}
