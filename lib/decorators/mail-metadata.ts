import type { MailEventType } from '../events/mail-events.js';

/** On a method: what `@SendMail` was given. */
export const SEND_MAIL = Symbol.for('nestjs-mail-relay:send-mail');
/** On a method: what its `@OnMail`s were given. */
export const ON_MAIL = Symbol.for('nestjs-mail-relay:on-mail');

export interface SendMailMetadata {
  readonly mailer?: string;
  readonly template?: string;
}

export interface OnMailMetadata {
  readonly mailer?: string;
  readonly types: readonly MailEventType[];
}

/** The property that holds the MailService of a mailer in a provider with `@SendMail` methods. */
export const mailerKey = (mailer = ''): symbol => Symbol.for(`nestjs-mail-relay:mailer:${mailer}`);

/** `Class.method`, for errors. */
export function methodName(target: object, key: string | symbol): string {
  // A static method's target is the class.
  const { name } = typeof target === 'function' ? target : target.constructor;
  return `${name || 'class'}.${String(key)}`;
}
