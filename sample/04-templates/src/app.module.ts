import { fileURLToPath } from 'node:url';
import { Module } from '@nestjs/common';
import { MailModule } from 'nestjs-mail-relay';
import { AccountsMails } from './accounts.mails.js';
import { AccountsService } from './accounts.service.js';

@Module({
  imports: [
    MailModule.forRoot({
      transport: process.env['MAIL_URL'] ?? 'memory:',
      defaults: { from: 'Accounts <hello@accounts.example>' },
      templates: { dir: fileURLToPath(new URL('../../mails', import.meta.url)) },
    }),
  ],
  providers: [AccountsMails, AccountsService],
})
export class AppModule {}
