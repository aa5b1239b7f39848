import { Logger, type OnModuleInit } from '@nestjs/common';
import { ContextIdFactory, MetadataScanner } from '@nestjs/core';
import type { DiscoveryService, ModuleRef } from '@nestjs/core';
import type { Subscription } from 'rxjs';
import { MailConfigurationError, MailTemplateError } from '../base/errors.js';
import type { MailEvent } from '../events/mail-events.js';
import type { MailService } from '../service/mail.service.js';
import { getMailToken } from '../service/mail.tokens.js';
import type { TemplateStore } from '../templates/template-store.js';
import { mailerKey, ON_MAIL, SEND_MAIL } from './mail-metadata.js';
import type { OnMailMetadata, SendMailMetadata } from './mail-metadata.js';

type Provider = ReturnType<DiscoveryService['getProviders']>[number];

interface Decorated {
  readonly provider: Provider;
  readonly className: string;
  readonly key: string;
  readonly method: object;
}

/** Finds decorated methods when the app starts: checks their templates, and calls the listeners. */
export class MailExplorer implements OnModuleInit {
  private readonly logger = new Logger('MailModule');
  private readonly scanner = new MetadataScanner();
  private subscription?: Subscription;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly moduleRef: ModuleRef,
    private readonly mail: MailService,
    private readonly templates: TemplateStore | undefined,
  ) {}

  /** @throws MailTemplateError that names the method, for a template that does not exist. */
  async onModuleInit(): Promise<void> {
    const methods = this.decorated();
    const listeners: { at: Decorated; types: ReadonlySet<string> }[] = [];
    for (const at of methods) {
      const send = Reflect.getMetadata(SEND_MAIL, at.method) as SendMailMetadata | undefined;
      if (send && (send.mailer ?? '') === (this.mail.name ?? '')) await this.check(at, send);
      const heard = (Reflect.getMetadata(ON_MAIL, at.method) ?? []) as readonly OnMailMetadata[];
      for (const { mailer, types } of heard) {
        this.checkMailer(at, mailer);
        if ((mailer ?? '') === (this.mail.name ?? ''))
          listeners.push({ at, types: new Set(types) });
      }
    }
    if (listeners.length === 0) return;
    this.subscription ??= this.mail.events$.subscribe((event) => {
      for (const { at, types } of listeners) if (types.has(event.type)) void this.call(at, event);
    });
  }

  private async check(at: Decorated, { template }: SendMailMetadata): Promise<void> {
    this.adopt(at.provider);
    if (template === undefined) return;
    const method = `${at.className}.${at.key}`;
    try {
      if (this.templates) {
        await this.templates.check(template);
        return;
      }
    } catch (cause) {
      if (!(cause instanceof MailTemplateError) || cause.file !== undefined) throw cause;
      const problem = `${method} sends it, and ${cause.problem}`;
      throw new MailTemplateError({ template, problem, fix: cause.fix, cause });
    }
    throw new MailTemplateError({
      template,
      problem: `${method} sends it, and the module has no option \`templates\``,
      fix: 'Set `templates: { dir }` in `MailModule.forRoot`',
    });
  }

  /** What a factory made had no properties injected. */
  private adopt(provider: Provider): void {
    if (!provider.isDependencyTreeStatic() || !provider.isNotMetatype) return;
    const instance: unknown = provider.instance;
    if (typeof instance !== 'object' || instance === null) return;
    const key = mailerKey(this.mail.name);
    if (!Reflect.has(instance, key)) Reflect.set(instance, key, this.mail);
  }

  private checkMailer({ className, key }: Decorated, mailer: string | undefined): void {
    const token = getMailToken(mailer);
    if (this.discovery.getProviders().some((provider) => provider.token === token)) return;
    throw new MailConfigurationError(
      `@OnMail on ${className}.${key}`,
      'about a mailer that a MailModule registers',
      mailer === undefined ? 'the unnamed one, which none does' : `'${mailer}', which none does`,
    );
  }

  /** A listener's error is its own. */
  private async call({ provider, className, key }: Decorated, event: MailEvent): Promise<void> {
    try {
      const instance: unknown =
        provider.isDependencyTreeStatic() && !provider.isTransient
          ? provider.instance
          : await this.moduleRef.resolve(provider.token, ContextIdFactory.create(), {
              strict: false,
            });
      await (instance as Record<string, (given: MailEvent) => unknown>)[key]!(event);
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.logger.error(`${className}.${key} failed on the event '${event.type}': ${text}`);
    }
  }

  private decorated(): Decorated[] {
    const providers = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    const found: Decorated[] = [];
    for (const provider of new Set(providers)) {
      const prototype = prototypeOf(provider);
      if (!prototype || provider.isAlias) continue;
      const className = prototype.constructor.name;
      for (const key of this.scanner.getAllMethodNames(prototype)) {
        const method: unknown = Reflect.get(prototype, key);
        if (typeof method !== 'function') continue;
        if (!Reflect.hasMetadata(SEND_MAIL, method) && !Reflect.hasMetadata(ON_MAIL, method))
          continue;
        found.push({ provider, className, key, method });
      }
    }
    return found;
  }
}

function prototypeOf(provider: Provider): object | undefined {
  if (!provider.isNotMetatype) {
    const { metatype } = provider;
    const prototype: unknown = typeof metatype === 'function' ? metatype.prototype : undefined;
    return typeof prototype === 'object' && prototype !== null ? prototype : undefined;
  }
  const instance: unknown = provider.instance;
  if (typeof instance !== 'object' || instance === null) return undefined;
  const prototype: unknown = Object.getPrototypeOf(instance);
  return prototype === Object.prototype || prototype === null ? undefined : prototype;
}
