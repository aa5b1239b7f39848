import { AsyncLocalStorage } from 'node:async_hooks';
import { MailConfigurationError } from '../base/errors.js';
import type { MailReceipt } from '../service/mail.receipt.js';
import type { SendOptions } from '../service/mail.service.js';
import type { MailTemplateContext, MailTemplateName } from '../message/mail-templates.js';
import type { MailMessageFields } from '../message/message.js';

/** Ties a receipt to the template that it was sent with; exists for the compiler only. */
declare const TEMPLATE: unique symbol;

/** What a method with `@SendMail` answers: the receipt of the mail that it wrote. */
export type SentMail<N extends MailTemplateName | undefined = undefined> = Promise<
  MailReceipt & { readonly [TEMPLATE]?: N }
>;

/** Recipients and context, and any other field of a message. */
export type MailDraft<N extends MailTemplateName | undefined> = MailMessageFields &
  (N extends MailTemplateName
    ? { readonly context: MailTemplateContext<N>; readonly locale?: string }
    : { readonly context?: undefined });

/** What travels from `draft` to the decorator. */
export class WrittenDraft {
  constructor(
    readonly fields: object,
    readonly options: SendOptions | undefined,
  ) {}
}

/** The call of a decorated method that is running. */
export interface DraftScope {
  readonly self: object;
  readonly key: string | symbol;
  /** What `@SendMail` made of the method. */
  readonly by: object;
}

export const draftScope = new AsyncLocalStorage<DraftScope>();

/**
 * The mail that a method with `@SendMail` writes. Return it: the decorator sends it, and the caller
 * gets its receipt.
 *
 * @throws MailConfigurationError outside such a method, where nobody would send it.
 */
export function draft<N extends MailTemplateName | undefined = undefined>(
  fields: MailDraft<N>,
  options?: SendOptions,
): SentMail<N> {
  if (!draftScope.getStore()) {
    throw new MailConfigurationError(
      'draft()',
      'called in a method with `@SendMail`',
      'a call outside of any; decorate the method, or use `MailService.send`',
    );
  }
  // The type is the caller's side of it; the decorator takes the draft out and puts the receipt in.
  return Promise.resolve(new WrittenDraft(fields, options)) as unknown as SentMail<N>;
}
