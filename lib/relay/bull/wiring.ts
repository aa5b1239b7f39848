import { BullModule, getQueueToken, getSharedConfigToken } from '@nestjs/bull';
import type { DynamicModule } from '@nestjs/common';
import { RELAY_STAND_IN, type RelaySetup, type RelayWiring } from '../relay-definition.js';
import type { BullQueue } from './bull-queue.js';
import {
  readBullOptions,
  type BullRelayAsyncOptions,
  type ResolvedBullOptions,
  type ResolvedBullStatics,
} from './bull.options.js';
import { BullRelay } from './bull.relay.js';
import { consumerOf, type MailConsumer } from './mail.consumer.js';
import { secureSubscriptions } from './subscriptions.js';
import { queueConnection, type SharedBullConfig } from './redis-options.js';

/** A worker dies and its mail is taken again: more often than Bull's one time. */
const MAX_STALLED_COUNT = 1_000_000;

/** What one mailer's module gets: the queue, the consumer, and how the driver is made of them. */
export function wireBull(
  mailer: string | undefined,
  statics: ResolvedBullStatics,
  { inject = [], useFactory }: Pick<BullRelayAsyncOptions, 'inject' | 'useFactory'>,
): RelayWiring {
  const queue = statics.queue ?? (mailer === undefined ? 'mail' : `mail-${mailer}`);
  const options = Symbol(`nestjs-mail-relay:bull-options:${queue}`);
  const shared = { token: getSharedConfigToken(statics.configKey), optional: true };
  class BullRelayOptionsModule {}
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
  const Consumer = consumerOf(queue);
  const isWorker = ({ relay }: ResolvedBullOptions) => relay.role !== 'producer';
  return {
    imports: [optionsModule, ...(statics.existingQueue ? statics.imports : [register()])],
    providers: [
      {
        provide: Consumer,
        inject: [options, { token: RELAY_STAND_IN, optional: true }],
        useFactory: (given: ResolvedBullOptions, standIn = false) =>
          isWorker(given) && !standIn ? new Consumer() : null,
      },
    ],
    inject: [getQueueToken(queue), options, Consumer, shared],
    create: (...given) => {
      const [made, resolved, consumer, config] = given as [
        BullQueue,
        ResolvedBullOptions,
        MailConsumer | null,
        SharedBullConfig | undefined,
      ];
      return setup(made, resolved, consumer ?? undefined, config);
    },
  };

  function register(): DynamicModule {
    return BullModule.registerQueueAsync({
      name: queue,
      configKey: statics.configKey,
      imports: [optionsModule],
      inject: [options, shared],
      useFactory: (given: ResolvedBullOptions, config?: SharedBullConfig) => ({
        ...queueConnection(given.redis, config),
        ...(given.prefix !== undefined && { prefix: given.prefix }),
        // It would connect when the module is built.
        skipVersionCheck: true,
        settings: { lockDuration: given.leaseMs, maxStalledCount: MAX_STALLED_COUNT },
      }),
    });
  }

  function setup(
    made: BullQueue,
    resolved: ResolvedBullOptions,
    consumer: MailConsumer | undefined,
    config: SharedBullConfig | undefined,
  ): RelaySetup {
    const ownsQueue = !statics.existingQueue;
    // Before the consumer class is hooked up.
    if (consumer) secureSubscriptions(made);
    const borrowed = resolved.redis === undefined && config?.createClient !== undefined;
    const relay = new BullRelay({
      queue: made,
      options: resolved,
      ownsQueue,
      ownsClient: ownsQueue && !borrowed,
      consumer,
    });
    return { relay, options: resolved.relay };
  }
}
