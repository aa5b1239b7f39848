import { Inject } from '@nestjs/common';
import { MailConfigurationError } from '../base/errors.js';
import { MailService } from '../service/mail.service.js';
import { getMailToken } from '../service/mail.tokens.js';
import type { MailTemplateName } from '../message/mail-templates.js';
import type { MailMessage, MailMessageFields } from '../message/message.js';
import { describe } from '../base/option-reader.js';
import { draftScope, WrittenDraft, type SentMail } from './draft.js';
import { mailerKey, methodName, SEND_MAIL, type SendMailMetadata } from './mail-metadata.js';

/** Any field of a message that is the same for every mail of the method; the draft's own win. */
export interface SendMailOptions<
  N extends MailTemplateName | undefined = undefined,
> extends MailMessageFields {
  /** Checked when the app starts. Default: none, the draft brings subject and bodies. */
  readonly template?: N;
  /** Name of the module instance that sends. Default: the unnamed one. */
  readonly mailer?: string;
}

/** For methods that answer `SentMail` of that template. */
export type SendMailDecorator<N extends MailTemplateName | undefined> = <A extends unknown[]>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<(...args: A) => SentMail<N>>,
) => void;

type Method = (this: object, ...args: unknown[]) => unknown;

/**
 * Sends the mail that the method writes with `draft` and answers its receipt. Works in singleton,
 * request-scoped and transient providers and controllers, and in classes that extend them.
 *
 * ```ts
 * @SendMail({ template: 'welcome' })
 * welcome(user: User): SentMail<'welcome'> {
 *   return draft({ to: user.email, context: { name: user.name } });
 * }
 * ```
 *
 * @throws MailConfigurationError when it is put on anything but a method, or twice on one.
 */
export function SendMail<const N extends MailTemplateName | undefined = undefined>(
  options: SendMailOptions<N> = {},
): SendMailDecorator<NoInfer<N>> {
  return (target, key, descriptor) => {
    const method = (descriptor as PropertyDescriptor | undefined)?.value as Method | undefined;
    const name = methodName(target, key);
    if (typeof method !== 'function' || typeof target === 'function') {
      throw new MailConfigurationError(
        `@SendMail on ${name}`,
        'on a method of instances',
        typeof target === 'function' ? 'a static method' : 'a property or accessor',
      );
    }
    if (Reflect.hasOwnMetadata(SEND_MAIL, method)) {
      throw new MailConfigurationError(`@SendMail on ${name}`, 'there once', 'a second one');
    }
    injectMailer(target, options.mailer);
    const wrapper = wrap(method, name, key, options);
    for (const metadata of Reflect.getOwnMetadataKeys(method) as unknown[]) {
      Reflect.defineMetadata(metadata, Reflect.getOwnMetadata(metadata, method), wrapper);
    }
    const { mailer, template } = options;
    const own: SendMailMetadata = { mailer, template };
    Reflect.defineMetadata(SEND_MAIL, own, wrapper);
    (descriptor as PropertyDescriptor).value = wrapper;
  };
}

/** Nest sets the property in every instance, of whatever scope. */
function injectMailer(target: object, mailer: string | undefined): void {
  const key = mailerKey(mailer);
  if (Reflect.hasMetadata(key, target.constructor)) return;
  Reflect.defineMetadata(key, true, target.constructor);
  Inject(getMailToken(mailer))(target, key);
}

function wrap(
  method: Method,
  name: string,
  key: string | symbol,
  options: SendMailOptions<MailTemplateName | undefined>,
): Method {
  const { mailer, template, ...fields } = options;
  async function sendMail(this: object, ...args: unknown[]): Promise<unknown> {
    const outer = draftScope.getStore();
    // `super.method()` of a method that is decorated again: the outer one sends. Not so when it calls itself.
    if (outer?.self === this && outer.key === key && outer.by !== sendMail) {
      return method.apply(this, args);
    }
    const service: unknown = Reflect.get(this, mailerKey(mailer));
    if (!(service instanceof MailService)) {
      throw new MailConfigurationError(
        name,
        'a method of a provider that Nest made, since Nest sets its MailService',
        'an instance without one; inject the provider, or in a test take it from the TestingModule',
      );
    }
    const written = await draftScope.run({ self: this, key, by: sendMail }, async () =>
      method.apply(this, args),
    );
    if (!(written instanceof WrittenDraft)) {
      throw new MailConfigurationError(
        `the answer of ${name}`,
        'what `draft(…)` answers',
        describe(written),
      );
    }
    const message = {
      ...fields,
      ...written.fields,
      ...(template !== undefined && { template }),
    } as MailMessage;
    return service.send(message, written.options);
  }
  Object.defineProperty(sendMail, 'name', { value: method.name, configurable: true });
  Object.defineProperty(sendMail, 'length', { value: method.length, configurable: true });
  return sendMail;
}
