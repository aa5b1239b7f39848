import { ConfigurableModuleBuilder, type Provider, type Type } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import { systemClock } from '../base/clock.js';
import { MailExplorer } from '../decorators/mail-explorer.js';
import { MailConfigurationError } from '../base/errors.js';
import { EventBus } from '../events/event-bus.js';
import { intercept } from '../interceptors/intercept.js';
import type { MailInterceptor } from '../interceptors/mail-interceptor.js';
import {
  readMailOptions,
  type MailModuleExtras,
  type MailModuleOptions,
  type ResolvedMailOptions,
} from './mail.options.js';
import { MailService, type PreparedMessage } from '../service/mail.service.js';
import { getTestDoublesToken, getMailToken, type TestDoubles } from '../service/mail.tokens.js';
import type { MailMessage } from '../message/message.js';
import { isObject, readField } from '../message/read/fields.js';
import { ScopeCheck } from './scope-check.js';
import { redirectMail } from '../message/redirect.js';
import { describe } from '../base/option-reader.js';
import { RELAY_STAND_IN, type RelaySetup, type RelayWiring } from '../relay/relay-definition.js';
import { fillMessage } from '../templates/fill-message.js';
import { TemplateStore } from '../templates/template-store.js';
import { sealOptions, unsealed } from '../base/sealed-options.js';
import { isThenable } from '../base/thenable.js';
import { createTransport } from '../transports/transport.factory.js';

/** One module instance's options as they were given. */
const RAW_OPTIONS = Symbol('nestjs-mail-relay:raw-options');
/** One module instance's options after checking. */
export const RESOLVED_OPTIONS = Symbol('nestjs-mail-relay:options');
/** One module instance's relay, or undefined. */
const RELAY = Symbol('nestjs-mail-relay:relay');
/** One module instance's templates; `undefined` without the option. */
export const TEMPLATES = Symbol('nestjs-mail-relay:templates');
const INTERCEPTORS = Symbol('nestjs-mail-relay:interceptors');
/** One module instance's service, whatever its name. */
export const INSTANCE = Symbol('nestjs-mail-relay:instance');

/** Nest takes an extra for one only if its key is here. */
const NO_EXTRAS: MailModuleExtras = {
  isGlobal: false,
  name: undefined,
  relay: undefined,
  interceptors: undefined,
};

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
          ...sealOptions(definition.providers ?? [], RAW_OPTIONS),
          ...(wiring.providers ?? []),
          ...partsOf(extras, wiring),
          { provide: token, useExisting: INSTANCE },
        ],
        exports: [...(definition.exports ?? []), token],
      };
    })
    .build();

function partsOf({ name, interceptors = [] }: MailModuleExtras, wiring: OptionalWiring) {
  const doubles = getTestDoublesToken(name);
  const providers: Provider[] = [
    { provide: RESOLVED_OPTIONS, useFactory: unsealed(readMailOptions), inject: [RAW_OPTIONS] },
    { provide: doubles, useValue: {} satisfies TestDoubles },
    {
      provide: RELAY_STAND_IN,
      useFactory: ({ relay }: TestDoubles) => relay !== undefined,
      inject: [doubles],
    },
    {
      provide: RELAY,
      useFactory: (...dependencies: unknown[]) => wiring.create(...dependencies),
      inject: wiring.inject ?? [],
    },
    {
      provide: TEMPLATES,
      useFactory: ({ templates }: ResolvedMailOptions) => templates && new TemplateStore(templates),
      inject: [RESOLVED_OPTIONS],
    },
    ...interceptors.map(checkedClass),
    {
      provide: INTERCEPTORS,
      useFactory: (...all: MailInterceptor[]) => all.map(checkedInterceptor),
      inject: [...interceptors],
    },
    {
      provide: INSTANCE,
      useFactory: (
        options: ResolvedMailOptions,
        tests: TestDoubles,
        before: readonly MailInterceptor[],
        relay?: RelaySetup,
        templates?: TemplateStore,
      ) => createService(options, tests, { name, interceptors: before, relay, templates }),
      inject: [RESOLVED_OPTIONS, doubles, INTERCEPTORS, RELAY, TEMPLATES],
    },
    {
      provide: ScopeCheck,
      useFactory: (discovery: DiscoveryService) => new ScopeCheck(discovery, INSTANCE),
      inject: [DiscoveryService],
    },
    {
      provide: MailExplorer,
      useFactory: (...parts: ConstructorParameters<typeof MailExplorer>) =>
        new MailExplorer(...parts),
      inject: [DiscoveryService, ModuleRef, INSTANCE, TEMPLATES],
    },
  ];
  return providers;
}

const interceptorName = (index: number) => `interceptors[${index}]`;

function checkedClass(given: Type<MailInterceptor>, index: number): Type<MailInterceptor> {
  if (typeof given === 'function') return given;
  const expected = 'a class with `intercept`, which Nest makes an instance of';
  throw new MailConfigurationError(interceptorName(index), expected, describe(given));
}

function checkedInterceptor(made: MailInterceptor, index: number): MailInterceptor {
  if (typeof (made as Partial<MailInterceptor>).intercept === 'function') return made;
  const got = `${made.constructor.name}, which has none`;
  throw new MailConfigurationError(interceptorName(index), 'a class with `intercept`', got);
}

interface Injected {
  readonly name?: string;
  readonly interceptors: readonly MailInterceptor[];
  readonly relay?: RelaySetup;
  readonly templates?: TemplateStore;
}

function createService(
  options: ResolvedMailOptions,
  doubles: TestDoubles,
  { name, interceptors, relay, templates }: Injected,
): MailService {
  const { transport, providers, defaults, content, maxMessageBytes, redirect } = options;
  const { clock = systemClock } = doubles;
  const fill = (message: MailMessage) => filled(message, templates);
  const intercepted = (message: MailMessage) => {
    const given = intercept(interceptors, message, { mailer: name });
    return isThenable(given) ? given.then(fill) : fill(given);
  };
  return new MailService({
    name,
    transport: createTransport(transport, { providers, clock, transport: doubles.transport }),
    relay: relay && (doubles.relay?.(relay) ?? relay),
    defaults,
    content,
    prepare: interceptors.length === 0 ? fill : intercepted,
    redirect: redirect && ((mail) => redirectMail(mail, redirect)),
    maxMessageBytes,
    events: new EventBus(),
    clock,
  });
}

/** What fills a message takes its `template` out; events still name it. */
function filled(
  message: MailMessage,
  templates: TemplateStore | undefined,
): PreparedMessage | Promise<PreparedMessage> {
  if (!templates) return { message };
  const named: unknown = isObject(message) ? readField(message, 'template') : undefined;
  const template = typeof named === 'string' ? named : undefined;
  const ready = fillMessage(message, templates);
  return isThenable(ready)
    ? ready.then((full) => ({ message: full, template }))
    : { message: ready, template };
}

type OptionalWiring = Omit<RelayWiring, 'create'> & {
  create(...dependencies: unknown[]): RelaySetup | Promise<RelaySetup> | undefined;
};

/** @throws MailConfigurationError */
function wireRelay({ relay, name }: MailModuleExtras): OptionalWiring {
  if (relay === undefined) return { create: () => undefined };
  // JavaScript may hand in anything.
  const given: unknown = relay;
  if (typeof given === 'object' && given !== null && 'register' in given)
    return relay.register(name);
  throw new MailConfigurationError(
    'relay',
    'what spoolRelay(…) or bullRelay(…) answers',
    describe(given),
  );
}
