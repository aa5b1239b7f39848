import { ConfigurableModuleBuilder } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import { systemClock } from './clock.js';
import { MailExplorer } from './decorators/mail-explorer.js';
import { EventBus } from './events/event-bus.js';
import {
  readMailOptions,
  type MailModuleExtras,
  type MailModuleOptions,
  type ResolvedMailOptions,
} from './mail.options.js';
import { MailService } from './mail.service.js';
import { getMailToken } from './mail.tokens.js';
import { fillMessage } from './templates/fill-message.js';
import { TemplateStore } from './templates/template-store.js';
import { createTransport } from './transports/transport.factory.js';

/** One module instance's options as they were given. */
const RAW_OPTIONS = Symbol('nestjs-mail-relay:raw-options');
/** One module instance's options after checking. */
export const RESOLVED_OPTIONS = Symbol('nestjs-mail-relay:options');
/** One module instance's templates; `undefined` without the option. */
export const TEMPLATES = Symbol('nestjs-mail-relay:templates');
/** One module instance's service, whatever its name. */
export const INSTANCE = Symbol('nestjs-mail-relay:instance');

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<MailModuleOptions>({ optionsInjectionToken: RAW_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createMailOptions')
    .setExtras<MailModuleExtras>({ isGlobal: false, name: undefined }, (definition, extras) => {
      const token = getMailToken(extras.name);
      return {
        ...definition,
        global: extras.isGlobal ?? false,
        providers: [
          ...(definition.providers ?? []),
          {
            provide: RESOLVED_OPTIONS,
            useFactory: readMailOptions,
            inject: [RAW_OPTIONS],
          },
          {
            provide: TEMPLATES,
            useFactory: ({ templates }: ResolvedMailOptions) =>
              templates && new TemplateStore(templates),
            inject: [RESOLVED_OPTIONS],
          },
          {
            provide: INSTANCE,
            useFactory: (options: ResolvedMailOptions, templates?: TemplateStore) =>
              createService(options, extras.name, templates),
            inject: [RESOLVED_OPTIONS, TEMPLATES],
          },
          { provide: token, useExisting: INSTANCE },
          {
            provide: MailExplorer,
            useFactory: (...parts: ConstructorParameters<typeof MailExplorer>) =>
              new MailExplorer(...parts),
            inject: [DiscoveryService, ModuleRef, INSTANCE, TEMPLATES],
          },
        ],
        exports: [...(definition.exports ?? []), token],
      };
    })
    .build();

function createService(
  options: ResolvedMailOptions,
  name: string | undefined,
  templates: TemplateStore | undefined,
): MailService {
  const { transport, defaults, content, maxMessageBytes } = options;
  return new MailService({
    name,
    transport: createTransport(transport),
    defaults,
    content,
    prepare: templates && ((message) => fillMessage(message, templates)),
    maxMessageBytes,
    events: new EventBus(),
    clock: systemClock,
  });
}
