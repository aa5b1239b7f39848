import {
  Inject,
  Logger,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { MailRelayError } from '../base/errors.js';
import type { MailDrainSummary } from '../events/mail-events.js';
import {
  ConfigurableModuleClass,
  INSTANCE,
  RESOLVED_OPTIONS,
  TEMPLATES,
  type ASYNC_OPTIONS_TYPE,
  type OPTIONS_TYPE,
} from './mail.module-definition.js';
import type { ResolvedMailOptions } from './mail.options.js';
import { MailService } from '../service/mail.service.js';
import { TemplateStore } from '../templates/template-store.js';

/** Registers a MailService. Building it does no I/O; a mail server that is down never stops the boot. */
@Module({ imports: [DiscoveryModule] })
export class MailModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown
{
  private readonly logger: Logger;

  constructor(
    @Inject(INSTANCE) private readonly mail: MailService,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedMailOptions,
    @Inject(TEMPLATES) private readonly templates: TemplateStore | undefined,
  ) {
    super();
    const { name } = mail;
    // A bundler renames classes: the log keeps its words.
    this.logger = new Logger(name === undefined ? 'MailModule' : `MailModule:${name}`);
  }

  /**
   * @throws MailConfigurationError when the app is created, naming the option, expected and got.
   */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    return super.forRoot(options);
  }

  /** Options from `useFactory`, `useClass` or `useExisting`; `isGlobal` and `name` are static. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }

  /** @throws MailTemplateError for a template that does not compile, with file and line: the app stops. */
  async onModuleInit(): Promise<void> {
    await this.templates?.load();
  }

  /** Once all modules are there: mail of the last run may need what they set up. */
  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.mail.start();
    } catch (error) {
      if (!(error instanceof MailRelayError)) throw error;
      this.logger.error(`${error.message}. Mail is refused until that is over.`);
    }
  }

  /**
   * Not in `onModuleDestroy`: other modules may still send there. Before the HTTP server closes:
   * its requests in flight wait for their mail.
   */
  async beforeApplicationShutdown(): Promise<void> {
    const summary = await this.mail.drain(this.options.drainTimeoutMs);
    this.log(summary);
  }

  private log(summary: MailDrainSummary): void {
    const { sent, failed, released, abandoned, durationMs } = summary;
    const line = `Drained in ${Math.round(durationMs)} ms: ${sent} sent, ${failed} failed, ${released} released, ${abandoned.length} abandoned`;
    if (abandoned.length === 0) {
      this.logger.log(line);
      return;
    }
    const names = abandoned.map(({ id, disposition }) => `${id} (${disposition})`).join(', ');
    this.logger.warn(`${line}: ${names}`);
  }
}
