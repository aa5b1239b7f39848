export { MailWebhooksModule } from './webhooks.module.js';
export type {
  MailWebhooksExtras,
  MailWebhooksOptions,
  MailWebhooksOptionsFactory,
} from './webhooks.options.js';
