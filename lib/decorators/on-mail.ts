import { MailConfigurationError } from '../base/errors.js';
import { EVENT_TYPES } from '../events/event-bus.js';
import type { MailEventMap, MailEventType } from '../events/mail-events.js';
import { suggest } from '../base/suggest.js';
import { methodName, ON_MAIL, type OnMailMetadata } from './mail-metadata.js';

export interface OnMailOptions {
  /** Name of the module instance to listen to. Default: the unnamed one. */
  readonly mailer?: string;
}

/** For methods that take an event of that type. */
export type OnMailDecorator<T extends MailEventType> = <
  M extends (event: MailEventMap[T]) => unknown,
>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void;

/**
 * Calls the method with every event of that type, or of those types. What it throws is logged and
 * harms neither the mail nor other listeners. In a request-scoped provider each event gets an
 * instance of its own.
 *
 * @throws MailConfigurationError for an event that there is not, and on anything but a method.
 */
export function OnMail<T extends MailEventType>(
  type: T | readonly T[],
  options: OnMailOptions = {},
): OnMailDecorator<T> {
  return (target, key, descriptor) => {
    const method: unknown = (descriptor as PropertyDescriptor | undefined)?.value;
    if (typeof method !== 'function' || typeof target === 'function') {
      throw new MailConfigurationError(
        `@OnMail on ${methodName(target, key)}`,
        'on a method of instances',
        'something else',
      );
    }
    const before = (Reflect.getOwnMetadata(ON_MAIL, method) ?? []) as readonly OnMailMetadata[];
    const types: readonly T[] = typeof type === 'string' ? [type] : type;
    const unknown = types.find((one) => !EVENT_TYPES.includes(one));
    if (unknown !== undefined || types.length === 0) {
      const near = unknown === undefined ? undefined : suggest(unknown, EVENT_TYPES);
      throw new MailConfigurationError(
        `@OnMail on ${methodName(target, key)}`,
        `for one or more of ${EVENT_TYPES.join(', ')}`,
        unknown === undefined ? 'none' : `'${unknown}'${near ? ` (did you mean '${near}'?)` : ''}`,
      );
    }
    Reflect.defineMetadata(ON_MAIL, [...before, { mailer: options.mailer, types }], method);
  };
}
