import { ConfigurableModuleBuilder } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import { systemClock, type Clock } from './clock.js';
import { MailExplorer } from './decorators/mail-explorer.js';
import { EventBus } from './events/event-bus.js';
import {
  readMailOptions,
  type MailModuleExtras,
  type MailModuleOptions,
  type ResolvedMailOptions,
} from './mail.options.js';
import { MailService } from './mail.service.js';
import { getMailClockToken, getMailToken, getMailTransportToken } from './mail.tokens.js';
import { intercept } from './interceptors/intercept.js';
import type { MailInterceptor } from './interceptors/mail-interceptor.js';
import type { MailMessage } from './message/message.js';
import { redirectMail } from './message/redirect.js';
import { isThenable } from './thenable.js';
import { fillMessage } from './templates/fill-message.js';
import { TemplateStore } from './templates/template-store.js';
import { createTransport } from './transports/transport.factory.js';
import type { MailTransport } from './transports/transport.js';

/** One module instance's options as they were given. */
const RAW_OPTIONS = Symbol('nestjs-mail-relay:raw-options');
/** One module instance's options after checking. */
export const RESOLVED_OPTIONS = Symbol('nestjs-mail-relay:options');
/** One module instance's templates; `undefined` without the option. */
export const TEMPLATES = Symbol('nestjs-mail-relay:templates');
const INTERCEPTORS = Symbol('nestjs-mail-relay:interceptors');
/** One module instance's service, whatever its name. */
export const INSTANCE = Symbol('nestjs-mail-relay:instance');

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<MailModuleOptions>({ optionsInjectionToken: RAW_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createMailOptions')
    .setExtras<MailModuleExtras>(
      { isGlobal: false, name: undefined, interceptors: [] },
      (definition, extras) => {
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
            ...(extras.interceptors ?? []),
            {
              provide: INTERCEPTORS,
              useFactory: (...all: MailInterceptor[]) => all,
              inject: [...(extras.interceptors ?? [])],
            },
            {
              provide: getMailTransportToken(extras.name),
              useFactory: ({ transport }: ResolvedMailOptions) => createTransport(transport),
              inject: [RESOLVED_OPTIONS],
            },
            { provide: getMailClockToken(extras.name), useValue: systemClock },
            {
              provide: INSTANCE,
              useFactory: (
                options: ResolvedMailOptions,
                transport: MailTransport,
                clock: Clock,
                interceptors: readonly MailInterceptor[],
                templates?: TemplateStore,
              ) =>
                createService(options, {
                  name: extras.name,
                  transport,
                  clock,
                  interceptors,
                  templates,
                }),
              inject: [
                RESOLVED_OPTIONS,
                getMailTransportToken(extras.name),
                getMailClockToken(extras.name),
                INTERCEPTORS,
                TEMPLATES,
              ],
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
      },
    )
    .build();

interface Injected {
  readonly name?: string;
  readonly transport: MailTransport;
  readonly clock: Clock;
  readonly interceptors: readonly MailInterceptor[];
  readonly templates?: TemplateStore;
}

function createService(options: ResolvedMailOptions, injected: Injected): MailService {
  const { defaults, content, maxMessageBytes, redirect } = options;
  const { name, transport, clock, interceptors, templates } = injected;
  const fill = (message: MailMessage) => (templates ? fillMessage(message, templates) : message);
  return new MailService({
    name,
    transport,
    defaults,
    content,
    prepare: (message) => {
      const given =
        interceptors.length === 0 ? message : intercept(interceptors, message, { mailer: name });
      return isThenable(given) ? given.then(fill) : fill(given);
    },
    redirect: redirect && ((mail) => redirectMail(mail, redirect)),
    maxMessageBytes,
    events: new EventBus(),
    clock,
  });
}
