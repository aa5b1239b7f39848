import 'reflect-metadata';
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Test, type TestingModule } from '@nestjs/testing';
import { overrideMail, type MailOutbox } from 'nestjs-mail-relay/testing';
import { AccountsMails } from '../src/accounts.mails.js';
import { AccountsService } from '../src/accounts.service.js';
import { AppModule } from '../src/app.module.js';

const account = { name: 'Jo <b>', email: 'jo@example.com', locale: 'en' };
let app: TestingModule;
let outbox: MailOutbox;

beforeEach(async () => {
  const builder = Test.createTestingModule({ imports: [AppModule] });
  outbox = overrideMail(builder);
  app = await builder.compile();
  await app.init();
});
afterEach(() => app.close());

describe('the welcome mail', () => {
  it('says hello and asks for one click', async () => {
    await app.get(AccountsService).register(account);
    const mail = outbox.assertSent({ to: 'jo@example.com', tag: 'welcome' });
    assert.equal(mail.subject, 'Welcome, Jo <b>');
    assert.equal(
      mail.text,
      [
        'Welcome, Jo <b>!',
        '',
        'Confirm your address, and you are ready to go.',
        '',
        'Confirm your address [https://accounts.example/confirm?token=jo%40example.com%261]',
        '',
        'You get this mail since you have an account with us.',
      ].join('\n'),
    );
    assert.deepEqual(mail.links, ['https://accounts.example/confirm?token=jo%40example.com%261']);
    assert.match(mail.html, /Welcome, Jo &lt;b&gt;!/);
    assert.ok(mail.attachment('logo.png'));
  });

  it('speaks Portuguese to Brazil', async () => {
    await app.get(AccountsService).register({ ...account, locale: 'pt-BR' });
    assert.equal(outbox.last().subject, 'Boas-vindas, Jo <b>');
    assert.match(outbox.last().text, /Você recebe este e-mail/);
  });

  it('fails loudly when the server is away, and the next one goes out', async () => {
    outbox.script('421');
    await assert.rejects(app.get(AccountsService).register(account), { code: 'MAIL_SERVICE' });
    outbox.assertNothingSent();
    await app.get(AccountsService).register(account);
    assert.equal(outbox.sent.length, 1);
  });
});

describe('the other mails', () => {
  it('send a link for a new password', async () => {
    await app.get(AccountsMails).reset(account, 'secret');
    outbox.assertSent({
      subject: 'A new password',
      text: /works for 30 minutes/,
      link: 'https://accounts.example/reset?token=secret',
    });
  });

  it('list the sign-ins of a month', async () => {
    const signIns = [
      { at: '1 May', device: 'phone' },
      { at: '2 May', device: '<laptop>' },
    ];
    const receipt = await app.get(AccountsMails).statement(account, 'May', signIns);
    assert.equal(receipt.status, 'sent');
    assert.match(outbox.last().text, /1 May, phone\n+2 May, <laptop>/);
  });
});
