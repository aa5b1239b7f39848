export { MailModule } from './mail.module.js';
export type {
  MailModuleExtras,
  MailModuleOptions,
  MailOptionsFactory,
  MailShutdownOptions,
} from './mail.options.js';
export { MailService, type SendOptions } from './mail.service.js';
export type { MailHealth, MailReceipt } from './mail.receipt.js';
export { getMailToken } from './mail.tokens.js';
export { InjectMail } from './decorators/inject-mail.js';
export { draft, type MailDraft, type SentMail } from './decorators/draft.js';
export { SendMail, type SendMailDecorator, type SendMailOptions } from './decorators/send-mail.js';
export { OnMail, type OnMailDecorator, type OnMailOptions } from './decorators/on-mail.js';
export type * from './interceptors/mail-interceptor.js';
export type { MailRedirectOptions } from './message/redirect.js';
export * from './errors.js';
export type * from './events/mail-events.js';
export type * from './message/mail.js';
export type * from './message/message.js';
export type * from './message/mail-templates.js';
export type * from './templates/template.js';
export type { TemplatesOptions } from './templates/templates.options.js';
export { withMailLocale, currentMailLocale } from './templates/locale.js';
export type { ContentAllowance } from './message/content.js';
export { parseMail } from './message/mail-json.js';
export type * from './transports/transport.js';
export type { MailTransportConfig } from './transports/transport.factory.js';
export {
  MemoryTransport,
  type MemoryTransportOptions,
} from './transports/memory/memory.transport.js';
export { SmtpTransport } from './transports/smtp/smtp.transport.js';
export type * from './transports/smtp/smtp.options.js';
export { WebApiTransport } from './transports/web-api/web-api.transport.js';
export type * from './transports/web-api/web-api.options.js';
export type * from './transports/web-api/web-api.provider.js';
