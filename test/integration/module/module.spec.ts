import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  getMailToken,
  InjectMail,
  MailModule,
  MailService,
  MemoryTransport,
  type MailModuleOptions,
  type MailOptionsFactory,
} from '../../../lib/index.js';

const from = 'Shop <shop@example.com>';
const message = { to: 'jo@example.com', subject: 'Hello', text: 'Hi' };

let app: TestingModule | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function boot(
  ...imports: NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>
) {
  app = await Test.createTestingModule({ imports }).compile();
  await app.init();
  return app;
}

@Module({ providers: [{ provide: 'SENDER', useValue: 'config@example.com' }], exports: ['SENDER'] })
class ConfigModule {}

describe('MailModule.forRoot', () => {
  it('gives a MailService that sends over the transport', async () => {
    const outbox = new MemoryTransport();
    const mail = (await boot(MailModule.forRoot({ transport: outbox, defaults: { from } }))).get(
      MailService,
    );
    const receipt = await mail.send(message);
    expect(receipt).toMatchObject({
      status: 'sent',
      accepted: ['jo@example.com'],
      rejected: [],
      hops: [{ transport: 'memory', outcome: 'accepted', response: 'kept in memory' }],
    });
    expect(outbox.mails).toHaveLength(1);
    expect(outbox.mails[0]).toMatchObject({
      id: receipt.id,
      messageId: receipt.messageId,
      from: { name: 'Shop', address: 'shop@example.com' },
      envelope: { from: 'shop@example.com', to: ['jo@example.com'] },
    });
  });

  it('takes a URL', async () => {
    const mail = (await boot(MailModule.forRoot({ transport: 'memory:', defaults: { from } }))).get(
      MailService,
    );
    expect((await mail.send(message)).status).toBe('sent');
  });

  it('keeps named instances apart, injectable by decorator and token', async () => {
    const [bulk, alerts, main] = [
      new MemoryTransport(),
      new MemoryTransport(),
      new MemoryTransport(),
    ];

    @Injectable()
    class Sender {
      constructor(
        @InjectMail('bulk') readonly bulk: MailService,
        @InjectMail('alerts') readonly alerts: MailService,
        @InjectMail() readonly main: MailService,
        readonly byClass: MailService,
      ) {}
    }
    @Module({
      imports: [
        MailModule.forRoot({ name: 'bulk', transport: bulk, defaults: { from } }),
        MailModule.forRoot({ name: 'alerts', transport: alerts, defaults: { from } }),
        MailModule.forRoot({ transport: main, defaults: { from } }),
      ],
      providers: [Sender],
    })
    class AppModule {}

    const sender = (await boot(AppModule)).get(Sender);
    expect(sender.byClass).toBe(sender.main);
    expect(app!.get(getMailToken('bulk'))).toBe(sender.bulk);
    await sender.bulk.send({ ...message, subject: 'to bulk' });
    await sender.alerts.send({ ...message, subject: 'to alerts' });
    expect([bulk, alerts, main].map((outbox) => outbox.mails.map((mail) => mail.subject))).toEqual([
      ['to bulk'],
      ['to alerts'],
      [],
    ]);
  });

  it('is global when asked, and only then', async () => {
    @Injectable()
    class Elsewhere {
      constructor(readonly mail: MailService) {}
    }
    @Module({ providers: [Elsewhere] })
    class FeatureModule {}

    const options: MailModuleOptions = { transport: 'memory:', defaults: { from } };
    await expect(boot(FeatureModule, MailModule.forRoot(options))).rejects.toThrow(/MailService/);
    const global = await boot(FeatureModule, MailModule.forRoot({ isGlobal: true, ...options }));
    expect((await global.get(Elsewhere).mail.send(message)).status).toBe('sent');
  });

  it.each<[string, unknown, RegExp]>([
    ['no transport', {}, /`transport` to be an object or a URL, got nothing/],
    [
      'an unknown option',
      { transport: 'memory:', default: {} },
      /Unknown option `default`\. Did you mean `defaults`\?/,
    ],
    [
      'an option of the transport',
      { transport: 'memory:', host: 'x' },
      /Unknown option `host`\. It belongs to the transport/,
    ],
    [
      'an option of messages',
      { transport: 'memory:', from: 'x' },
      /`from`\. It is a field of messages: `defaults: \{ from \}`/,
    ],
    [
      'a field of the relay',
      { transport: 'memory:', retry: {} },
      /`retry`\. It belongs to the relay/,
    ],
    [
      'an unknown type',
      { transport: { type: 'smpt' } },
      /`transport\.type` to be one of 'smtp'.*got 'smpt'/,
    ],
    ['an unknown scheme', { transport: 'http://x' }, /smtp:\/\/.*got the scheme http:/],
    ['a string that is no URL', { transport: 'mail.example.com' }, /got a string that is no URL/],
    [
      'a half transport',
      { transport: { name: 'x', deliver: () => 0 } },
      /`transport\.verify` to be a method/,
    ],
    ['a bad default', { transport: 'memory:', defaults: { from: 'nobody' } }, /`defaults\.from`/],
    [
      'a bad deadline',
      { transport: 'memory:', shutdown: { drainTimeoutMs: -1 } },
      /`shutdown\.drainTimeoutMs` to be an integer of at least 0, got -1/,
    ],
    ['a bad limit', { transport: 'memory:', maxMessageBytes: 5 }, /`maxMessageBytes`.*1024, got 5/],
    [
      'bad content rules',
      { transport: 'memory:', content: { paths: '/srv' } },
      /`content\.paths` to be an array/,
    ],
    [
      'a bad port',
      { transport: { type: 'smtp', host: 'h', port: 70_000 } },
      /`transport\.port`.*got 70000/,
    ],
    ['a bad URL parameter', { transport: 'smtp://h?maxConections=3' }, /maxConnections/],
  ])(
    'refuses %s when it is built, naming option, expected and got',
    async (_, options, expected) => {
      await expect(boot(MailModule.forRoot(options as MailModuleOptions))).rejects.toMatchObject({
        code: 'MAIL_CONFIG',
        message: expect.stringMatching(expected),
      });
    },
  );

  it('never shows the password of a bad URL', async () => {
    for (const transport of [
      'smtp://jo:hunter2@h:99999',
      'smpt://jo:hunter2@h',
      'smtp://jo:hunter2@h?nope=1',
      'sendgrid://SG.hunter2@api.sendgrid.com?nope=1',
    ]) {
      const error: unknown = await boot(MailModule.forRoot({ transport })).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'MAIL_CONFIG' });
      expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('hunter2');
    }
  });

  it('boots though the mail server is down, and says so only when asked', async () => {
    const mail = (
      await boot(MailModule.forRoot({ transport: 'smtp://127.0.0.1:1', defaults: { from } }))
    ).get(MailService);
    expect(await mail.verify()).toMatchObject([
      {
        transport: 'smtp:127.0.0.1:1',
        ok: false,
        error: { code: 'MAIL_CONNECT', disposition: 'retry' },
      },
    ]);
    await expect(mail.send(message)).rejects.toMatchObject({
      code: 'MAIL_CONNECT',
      disposition: 'retry',
      fault: 'transport',
    });
  });
});

describe('MailModule.forRootAsync', () => {
  const options = (sender: string): MailModuleOptions => ({
    transport: 'memory:',
    defaults: { from: sender },
  });

  @Injectable()
  class Factory implements MailOptionsFactory {
    createMailOptions() {
      return Promise.resolve(options('factory@example.com'));
    }
  }
  @Module({ providers: [Factory], exports: [Factory] })
  class FactoryModule {}

  it.each([
    [
      'useFactory with imports and inject',
      () =>
        MailModule.forRootAsync({
          imports: [ConfigModule],
          inject: ['SENDER'],
          useFactory: async (sender: string) => Promise.resolve(options(sender)),
        }),
      'config@example.com',
    ],
    ['useClass', () => MailModule.forRootAsync({ useClass: Factory }), 'factory@example.com'],
    [
      'useExisting',
      () => MailModule.forRootAsync({ imports: [FactoryModule], useExisting: Factory }),
      'factory@example.com',
    ],
  ])('takes options from %s', async (_, dynamic, sender) => {
    const mail = (await boot(dynamic())).get(MailService);
    expect((await mail.render(message)).from.address).toBe(sender);
  });

  it('takes name and isGlobal statically', async () => {
    @Injectable()
    class Elsewhere {
      constructor(@InjectMail('bulk') readonly mail: MailService) {}
    }
    @Module({ providers: [Elsewhere] })
    class FeatureModule {}
    const booted = await boot(
      FeatureModule,
      MailModule.forRootAsync({ name: 'bulk', isGlobal: true, useFactory: () => options(from) }),
    );
    expect((await booted.get(Elsewhere).mail.send(message)).status).toBe('sent');
  });

  it('fails the boot with the option that the factory got wrong', async () => {
    const dynamic = MailModule.forRootAsync({ useFactory: () => ({}) as MailModuleOptions });
    await expect(boot(dynamic)).rejects.toMatchObject({ code: 'MAIL_CONFIG', option: 'transport' });
  });
});
