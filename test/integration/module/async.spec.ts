import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module, Scope, type DynamicModule } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  MailModule,
  MailService,
  type MailInterceptor,
  type MailMessage,
  type SendOptions,
} from '../../../lib/index.js';
import { MailRelayError } from '../../../lib/base/errors.js';
import { OptionReader } from '../../../lib/base/option-reader.js';
import { readRelayOptions, RELAY_OPTION_KEYS } from '../../../lib/relay/relay.options.js';
import { spoolRelay } from '../../../lib/relay/spool/index.js';
import { handlebars } from '../../../lib/templates/engines/handlebars.js';
import { MemoryRelay } from '../../../lib/testing/memory-relay.js';
import { MailWebhooksModule } from '../../../lib/webhooks/index.js';

const message = { to: 'jo@example.com', subject: 'Hello', text: 'Hi' };
const defaults = { from: 'shop@example.com' };

let folder: string;
let app: TestingModule | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mail-async-'));
});
afterEach(async () => {
  await app?.close();
  app = undefined;
  rmSync(folder, { recursive: true });
});

async function boot(...imports: DynamicModule[]) {
  const made = await Test.createTestingModule({ imports }).compile();
  app = made;
  await made.init();
  return made.get(MailService);
}

describe('forRootAsync', () => {
  it('takes ConfigService, a relay and templates together', async () => {
    writeFileSync(join(folder, 'welcome.hbs'), 'subject: Hi {{name}}\n---\n<p>Hi {{name}}</p>');
    const config = await ConfigModule.forRoot({
      ignoreEnvFile: true,
      load: [() => ({ MAIL_URL: 'memory:', MAIL_FROM: 'Shop <shop@example.com>' })],
    });
    const mail = await boot(
      MailModule.forRootAsync({
        isGlobal: true,
        imports: [config],
        inject: [ConfigService],
        useFactory: (from: ConfigService) => ({
          transport: from.getOrThrow<string>('MAIL_URL'),
          defaults: { from: from.getOrThrow<string>('MAIL_FROM') },
          templates: { dir: folder, engine: handlebars() },
        }),
        relay: spoolRelay({
          imports: [config],
          inject: [ConfigService],
          useFactory: (from: ConfigService) => ({
            thread: false,
            path: join(folder, `${from.getOrThrow<string>('MAIL_URL').replace(':', '')}.db`),
          }),
        }),
      }),
      MailWebhooksModule.forRootAsync({
        imports: [config],
        inject: [ConfigService],
        path: 'hooks/mail',
        useFactory: () => ({
          publicKey:
            'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7aNDthvj+y7GjUuFDb/R1NGe1OPzpA==',
        }),
      }),
    );
    const sent = new Promise((resolve) => {
      mail.events$.subscribe((event) => event.type === 'sent' && resolve(event));
    });
    const receipt = await mail.send({
      to: message.to,
      template: 'welcome',
      context: { name: 'Jo' },
    });
    expect(receipt.status).toBe('queued');
    expect(await sent).toMatchObject({ id: receipt.id, template: 'welcome' });
  });

  it('stops the boot where a dependency is request-scoped, and names it', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class TenantSettings {}
    @Injectable()
    class Settings {
      constructor(readonly tenant: TenantSettings) {}
    }
    @Module({ providers: [TenantSettings, Settings], exports: [Settings] })
    class SettingsModule {}
    const factory = { imports: [SettingsModule], inject: [Settings] };
    const words =
      /`inject` to be providers that live as long as the app.*`TenantSettings`, which is request-scoped\. Make it a singleton/;
    await expect(
      boot(MailModule.forRootAsync({ ...factory, useFactory: () => ({ transport: 'memory:' }) })),
    ).rejects.toThrow(words);
    const relay = spoolRelay({
      ...factory,
      useFactory: () => ({ path: join(folder, 'a.db'), thread: false }),
    });
    await expect(boot(MailModule.forRoot({ transport: 'memory:', relay }))).rejects.toThrow(words);
  });

  it('stops it for a request-scoped interceptor, too', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest implements MailInterceptor {
      intercept(given: MailMessage): MailMessage {
        return given;
      }
    }
    await expect(
      boot(MailModule.forRoot({ transport: 'memory:', interceptors: [PerRequest] })),
    ).rejects.toThrow(/`PerRequest`, which is request-scoped/);
  });

  it('says where a relay in the factory belongs', async () => {
    const useFactory = () => ({ transport: 'memory:', relay: spoolRelay({ path: 'a.db' }) });
    await expect(boot(MailModule.forRootAsync({ useFactory }))).rejects.toThrow(
      /^Unknown option `relay`\. `relay` shapes the module: give it to `forRootAsync` beside `useFactory`/,
    );
  });
});

describe('send', () => {
  it.each<[object, RegExp]>([
    [{ delay: 1000 }, /options\.delay: is an unknown option\. Use `sendAt/],
    [{ attempts: 3 }, /options\.attempts: is an unknown option\. The relay has it/],
    [{ idempotencykey: 'a' }, /options\.idempotencykey: .*Did you mean `idempotencyKey`\?/],
    [{ foo: 1 }, /options\.foo: .*Known: signal, idempotencyKey, sendAt, priority/],
    [{ ['a\n\u202eb']: 1 }, /options\.…: is an unknown option/],
  ])('refuses %j', async (options, words) => {
    const mail = await boot(MailModule.forRoot({ transport: 'memory:', defaults }));
    await expect(mail.send(message, options as SendOptions)).rejects.toThrow(words);
    await expect(mail.sendNow(message, options as SendOptions)).rejects.toThrow(words);
  });
});

describe('verify', () => {
  it('asks the relay’s storage, too', async () => {
    const storage = new MemoryRelay();
    const options = readRelayOptions(new OptionReader('', {}, RELAY_OPTION_KEYS));
    const relay = { register: () => ({ create: () => ({ relay: storage, options }) }) };
    const mail = await boot(MailModule.forRoot({ transport: 'memory:', defaults, relay }));
    expect(await mail.verify()).toMatchObject([
      { transport: 'memory', ok: true },
      { relay: 'memory', ok: true },
    ]);
    storage.show = () => Promise.reject(new MailRelayError('The file is gone'));
    expect(await mail.verify()).toMatchObject([
      { transport: 'memory', ok: true },
      { relay: 'memory', ok: false, error: { message: 'The file is gone' } },
    ]);
  });

  it('asks a real spool', async () => {
    const path = join(folder, 'mail.db');
    const mail = await boot(
      MailModule.forRoot({
        transport: 'memory:',
        defaults,
        relay: spoolRelay({ path, thread: false }),
      }),
    );
    expect(await mail.verify()).toMatchObject([{ ok: true }, { ok: true }]);
  });
});
