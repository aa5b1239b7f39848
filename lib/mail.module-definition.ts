import { ConfigurableModuleBuilder } from '@nestjs/common';
import { systemClock } from './clock.js';
import { MailConfigurationError } from './errors.js';
import { EventBus } from './events/event-bus.js';
import {
  readMailOptions,
  type MailModuleExtras,
  type MailModuleOptions,
  type ResolvedMailOptions,
} from './mail.options.js';
import { MailService } from './mail.service.js';
import { getMailToken } from './mail.tokens.js';
import { describe } from './option-reader.js';
import type { RelaySetup, RelayWiring } from './relay/relay-definition.js';
import { createTransport } from './transports/transport.factory.js';

/** One module instance's options as they were given. */
const RAW_OPTIONS = Symbol('nestjs-mail-relay:raw-options');
/** One module instance's options after checking. */
export const RESOLVED_OPTIONS = Symbol('nestjs-mail-relay:options');
/** One module instance's relay, or undefined. */
const RELAY = Symbol('nestjs-mail-relay:relay');
/** One module instance's service, whatever its name. */
export const INSTANCE = Symbol('nestjs-mail-relay:instance');

const NO_EXTRAS: MailModuleExtras = { isGlobal: false, name: undefined, relay: undefined };

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<MailModuleOptions>({ optionsInjectionToken: RAW_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createMailOptions')
    .setExtras<MailModuleExtras>(NO_EXTRAS, (definition, extras) => {
      const token = getMailToken(extras.name);
      const wiring = wireRelay(extras);
      return {
        ...definition,
        global: extras.isGlobal ?? false,
        imports: [...(definition.imports ?? []), ...(wiring.imports ?? [])],
        providers: [
          ...(definition.providers ?? []),
          ...(wiring.providers ?? []),
          {
            provide: RELAY,
            useFactory: (...dependencies: unknown[]) => wiring.create(...dependencies),
            inject: wiring.inject ?? [],
          },
          {
            provide: RESOLVED_OPTIONS,
            useFactory: readMailOptions,
            inject: [RAW_OPTIONS],
          },
          {
            provide: INSTANCE,
            useFactory: (options: ResolvedMailOptions, relay: RelaySetup | undefined) =>
              createService(options, relay, extras.name),
            inject: [RESOLVED_OPTIONS, RELAY],
          },
          { provide: token, useExisting: INSTANCE },
        ],
        exports: [...(definition.exports ?? []), token],
      };
    })
    .build();

function createService(
  options: ResolvedMailOptions,
  relay: RelaySetup | undefined,
  name: string | undefined,
): MailService {
  const { transport, defaults, content, maxMessageBytes } = options;
  return new MailService({
    name,
    transport: createTransport(transport),
    relay,
    defaults,
    content,
    maxMessageBytes,
    events: new EventBus(),
    clock: systemClock,
  });
}

type OptionalWiring = Omit<RelayWiring, 'create'> & {
  create(...dependencies: unknown[]): RelaySetup | Promise<RelaySetup> | undefined;
};

/** @throws MailConfigurationError */
function wireRelay({ relay, name }: MailModuleExtras): OptionalWiring {
  if (relay === undefined) return { create: () => undefined };
  // JavaScript may hand in anything.
  const given: unknown = relay;
  if (typeof given === 'object' && given !== null && 'wire' in given) return relay.wire(name);
  throw new MailConfigurationError(
    'relay',
    'what spoolRelay(…) or bullRelay(…) answers',
    describe(given),
  );
}
