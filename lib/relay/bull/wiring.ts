import { BullModule, getQueueToken, getSharedConfigToken } from '@nestjs/bull';
import type { DynamicModule } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { RelaySetup, RelayWiring } from '../relay-definition.js';
import type { BullQueue } from './bull-queue.js';
import {
  readBullOptions,
  type BullRelayAsyncOptions,
  type ResolvedBullOptions,
  type ResolvedBullStatics,
} from './bull.options.js';
import { BullRelay } from './bull.relay.js';
import { OwnModules } from './own-modules.js';
import { queueConnection, type SharedRedisConfig } from '../redis/redis-options.js';

/** Nobody's by accident; release 0.1.0 took `mail`, which an app may well have. */
const DEFAULT_QUEUE = 'nestjs-mail-relay';
const FORMER_DEFAULT_QUEUE = 'mail';

function named(queue: string, mailer: string | undefined): string {
  return mailer === undefined ? queue : `${queue}-${mailer}`;
}

/** What one mailer's module gets: the queue, and how the driver is made of it. */
export function wireBull(
  mailer: string | undefined,
  statics: ResolvedBullStatics,
  { inject = [], useFactory }: Pick<BullRelayAsyncOptions, 'inject' | 'useFactory'>,
): RelayWiring {
  const queue = statics.queue ?? named(DEFAULT_QUEUE, mailer);
  const options = Symbol(`nestjs-mail-relay:bull-options:${queue}`);
  const shared = { token: getSharedConfigToken(statics.configKey), optional: true };
  class BullRelayOptionsModule {}
  OwnModules.add(BullRelayOptionsModule);
  const optionsModule: DynamicModule = {
    module: BullRelayOptionsModule,
    imports: statics.imports,
    providers: [
      {
        provide: options,
        inject,
        useFactory: async (...dependencies: unknown[]) =>
          readBullOptions(await useFactory(...dependencies)),
      },
    ],
    exports: [options],
  };
  const token = getQueueToken(queue);
  return {
    imports: [optionsModule, ...(statics.existingQueue ? statics.imports : [register()])],
    inject: [token, options, shared, ModulesContainer],
    create: (...given) => {
      const [made, resolved, config, modules] = given as [
        BullQueue,
        ResolvedBullOptions,
        SharedRedisConfig | undefined,
        ModulesContainer,
      ];
      if (!statics.existingQueue) OwnModules.refuseOthers(modules, token, queue);
      return setup(made, resolved, config);
    },
  };

  function register(): DynamicModule {
    return BullModule.registerQueueAsync({
      name: queue,
      configKey: statics.configKey,
      imports: [optionsModule],
      inject: [options, shared],
      useFactory: (given: ResolvedBullOptions, config?: SharedRedisConfig) => ({
        ...queueConnection(given.redis, config),
        ...(given.prefix !== undefined && { prefix: given.prefix }),
        // It would connect when the module is built.
        skipVersionCheck: true,
      }),
    });
  }

  function setup(
    made: BullQueue,
    resolved: ResolvedBullOptions,
    config: SharedRedisConfig | undefined,
  ): RelaySetup {
    const ownsQueue = !statics.existingQueue;
    const borrowed = resolved.redis === undefined && config?.createClient !== undefined;
    const relay = new BullRelay({
      queue: made,
      options: resolved,
      ownsQueue,
      ownsClient: ownsQueue && !borrowed,
      isProducer: resolved.relay.role === 'producer',
      formerQueue: statics.queue ?? named(FORMER_DEFAULT_QUEUE, mailer),
    });
    return { relay, options: resolved.relay };
  }
}
