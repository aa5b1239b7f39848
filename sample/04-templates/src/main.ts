import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { MailService } from 'nestjs-mail-relay';
import { AccountsService } from './accounts.service.js';
import { AppModule } from './app.module.js';

const app = await NestFactory.createApplicationContext(AppModule);
const account = { name: 'Jo', email: 'jo@example.com', locale: process.env['LOCALE'] ?? 'en' };

const id = await app.get(AccountsService).register(account);
console.log(`Sent ${id}. This is what it says:\n`);
const { subject, text } = await app.get(MailService).render({
  to: account.email,
  template: 'welcome',
  context: { name: account.name, link: 'https://accounts.example/confirm' },
  locale: account.locale,
});
console.log(`${subject}\n\n${text ?? ''}`);
await app.close();
