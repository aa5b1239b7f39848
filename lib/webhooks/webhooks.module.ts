import { Module, type DynamicModule } from '@nestjs/common';
import {
  ConfigurableModuleClass,
  type ASYNC_OPTIONS_TYPE,
  type OPTIONS_TYPE,
} from './webhooks.module-definition.js';

/**
 * Takes SendGrid's signed event webhook and tells its events, as `feedback`, in the `events$` of a
 * MailModule. Create the app with `rawBody: true`: what is signed are the body's bytes.
 */
@Module({})
export class MailWebhooksModule extends ConfigurableModuleClass {
  /** @throws MailConfigurationError when the app is created */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    return super.forRoot(options);
  }

  /** Options from `useFactory`, `useClass` or `useExisting`; `path` and `mailer` are static. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }
}
