export { MailModule } from './module/mail.module.js';
export type {
  MailModuleExtras,
  MailModuleOptions,
  MailOptionsFactory,
  MailShutdownOptions,
} from './module/mail.options.js';
export type { MailBulkOutcome, SendBulkOptions } from './service/bulk-send.js';
export type {
  MailBulkEntry,
  MailBulkMessage,
  MailBulkRecipient,
  MailBulkRecipientInput,
} from './message/bulk.js';
export {
  MailService,
  type MailRelayAdmin,
  type SendManyOptions,
  type SendOptions,
} from './service/mail.service.js';
export type { MailHealth, MailOutcome, MailReceipt } from './service/mail.receipt.js';
export type { MailSource } from './service/send-many.js';
export type * from './relay/relay.js';
export type * from './relay/relay-definition.js';
export type { RelayOptions, RelayRole, RelayUserOptions } from './relay/relay.options.js';
export type { RetryOptions, RetryPolicy } from './relay/retry-policy.js';
export { getMailToken } from './service/mail.tokens.js';
export { InjectMail } from './decorators/inject-mail.js';
export { draft, type MailDraft, type SentMail } from './decorators/draft.js';
export { SendMail, type SendMailDecorator, type SendMailOptions } from './decorators/send-mail.js';
export { OnMail, type OnMailDecorator, type OnMailOptions } from './decorators/on-mail.js';
export type * from './interceptors/mail-interceptor.js';
export type { MailRedirectOptions } from './message/redirect.js';
export * from './base/errors.js';
export type * from './events/mail-events.js';
export type * from './message/mail.js';
export type * from './message/message.js';
export type * from './message/provider-options.js';
export type * from './message/mail-templates.js';
export type * from './templates/template.js';
export type { TemplatesOptions } from './templates/templates.options.js';
export { withMailLocale, currentMailLocale } from './templates/locale.js';
export type { ContentAllowance } from './message/content/content.js';
export { parseMail } from './message/mail-json.js';
export type * from './transports/transport.js';
export {
  createTransport,
  type CreateTransportOptions,
  type MailRouteOptions,
  type MailTransportConfig,
  type SmtpTransportConfig,
} from './transports/transport.factory.js';
export type { BreakerOptions, BreakerState } from './transports/route/breaker.js';
export type { SmtpPorts } from './transports/route/ports/ports.options.js';
export type { MemberConfig, TransportStatus } from './transports/route/route-member.js';
export type {
  RouteMemberOptions,
  RouteTransportOptions,
} from './transports/route/route.options.js';
export type { RouteParts } from './transports/route/route-parts.js';
export { RouteTransport } from './transports/route/route.transport.js';
export type { RouteStrategy } from './transports/route/strategy.js';
export {
  MemoryTransport,
  type MemoryTransportOptions,
} from './transports/memory/memory.transport.js';
export { SmtpTransport } from './transports/smtp/smtp.transport.js';
export type * from './transports/smtp/options/smtp.options.js';
export { WebApiTransport } from './transports/web-api/web-api.transport.js';
export type * from './transports/web-api/web-api.options.js';
export type * from './transports/web-api/web-api.provider.js';
export type * from './transports/web-api/web-api.manifest.js';
export type * from './transports/web-api/own-options.js';
export type * from './transports/web-api/registry.js';
