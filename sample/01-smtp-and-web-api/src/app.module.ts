import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { MailModule } from 'nestjs-mail-relay';
import { FirstMails } from './first-mails.js';
import { MailErrorFilter } from './mail-error.filter.js';
import { MailController } from './mail.controller.js';
import { Transports } from './transports.js';
import { TransportsModule } from './transports.module.js';

@Module({
  imports: [
    TransportsModule,
    MailModule.forRootAsync({
      name: 'smtp',
      imports: [TransportsModule],
      inject: [Transports],
      useFactory: ({ smtp, from }: Transports) => ({ transport: smtp, defaults: { from } }),
    }),
    MailModule.forRootAsync({
      name: 'web-api',
      imports: [TransportsModule],
      inject: [Transports],
      useFactory: ({ webApi, from }: Transports) => ({ transport: webApi, defaults: { from } }),
    }),
  ],
  controllers: [MailController],
  providers: [FirstMails, { provide: APP_FILTER, useClass: MailErrorFilter }],
})
export class AppModule {}
