import type { MailMessage } from '../message/message.js';

export interface MailInterceptorInfo {
  /** Name of the module instance; absent for the unnamed one. */
  readonly mailer?: string;
}

/**
 * Sees every message before it is filled and checked, in the order of the option `interceptors`.
 * A Nest provider, singleton.
 */
export interface MailInterceptor {
  /**
   * Answers the message that goes on: the same, or a changed copy.
   * @throws MailVetoedError to stop it.
   */
  intercept(message: MailMessage, info: MailInterceptorInfo): MailMessage | Promise<MailMessage>;
}
