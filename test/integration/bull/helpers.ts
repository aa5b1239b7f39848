import { Module, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { BullRelay } from '../../../lib/relay/bull/bull.relay.js';
import type { MailRelayDefinition, RelaySetup } from '../../../lib/relay/relay-definition.js';
import type { NewJob } from '../../../lib/relay/relay.js';
import { mailTo } from '../../fixtures/mail.js';

const SETUP = Symbol('setup');

export interface OpenRelay {
  readonly relay: BullRelay;
  readonly setup: RelaySetup;
  readonly app: INestApplicationContext;
  close(): Promise<void>;
}

@Module({})
class MailerModule {}

@Module({})
class AppModule {}

/** A Nest app around a driver, wired as the mail module wires it, without a worker. */
export async function openRelay(
  definition: MailRelayDefinition,
  { mailer, imports = [] }: { mailer?: string; imports?: DynamicModule['imports'] } = {},
): Promise<OpenRelay> {
  const wiring = definition.register(mailer);
  const mailerModule: DynamicModule = {
    module: MailerModule,
    imports: wiring.imports,
    providers: [
      ...(wiring.providers ?? []),
      {
        provide: SETUP,
        inject: wiring.inject ?? [],
        useFactory: (...given: unknown[]) => wiring.create(...given),
      },
    ],
  };
  const root = { module: AppModule, imports: [...imports, mailerModule] };
  const app = await NestFactory.createApplicationContext(root, {
    logger: false,
    abortOnError: false,
  });
  const setup = app.get<RelaySetup>(SETUP, { strict: false });
  const relay = setup.relay as BullRelay;
  await relay.open();
  const close = async () => {
    await relay.close();
    await app.close();
  };
  return { relay, setup, app, close };
}

let made = 0;

export function newJob(job: Partial<NewJob> & { to?: string[] } = {}): NewJob {
  made += 1;
  const { to = [`to-${made}@example.net`], priority = 'normal', ...rest } = job;
  return { mail: mailTo(...to), queuedAt: Date.now(), priority, ...rest };
}

export const FAILURE = {
  code: 'MAIL_SERVICE',
  disposition: 'retry',
  message: 'Not now',
  at: 1,
} as const;
