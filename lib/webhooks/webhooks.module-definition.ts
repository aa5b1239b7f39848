import { ConfigurableModuleBuilder } from '@nestjs/common';
import { sealOptions, unsealed } from '../base/sealed-options.js';
import { MAILER, RESOLVED_OPTIONS, WebhookReceiver } from './webhook-receiver.js';
import { webhooksController } from './webhooks.controller.js';
import {
  readDecorators,
  readWebhooksOptions,
  WEBHOOKS_DEFAULTS,
  type MailWebhooksExtras,
  type MailWebhooksOptions,
} from './webhooks.options.js';

const RAW_OPTIONS = Symbol('nestjs-mail-relay:webhooks-raw-options');

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<MailWebhooksOptions>({ optionsInjectionToken: RAW_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createMailWebhooksOptions')
    .setExtras<MailWebhooksExtras>(
      { path: undefined, mailer: undefined, decorators: undefined },
      (definition, extras) => ({
        ...definition,
        controllers: [
          webhooksController(extras.path ?? WEBHOOKS_DEFAULTS.path, readDecorators(extras)),
        ],
        providers: [
          ...sealOptions(definition.providers ?? [], RAW_OPTIONS),
          {
            provide: RESOLVED_OPTIONS,
            useFactory: unsealed(readWebhooksOptions),
            inject: [RAW_OPTIONS],
          },
          { provide: MAILER, useValue: extras.mailer },
          WebhookReceiver,
        ],
      }),
    )
    .build();
