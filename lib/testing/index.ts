export { MailOutbox, type OutboxAttempt } from './outbox.js';
export type { OutboxTransport } from './outbox-transport.js';
export { OutboxMail } from './outbox-mail.js';
export type { OutboxFailure, OutboxStep } from './outbox-script.js';
export type { MailFilter, MailFilterFields } from './mail-filter.js';
export { mailMatchers, type MailMatchers, type MailSnapshot } from './matchers.js';
export { MailTestClock } from './test-clock.js';
export {
  MailTestingModule,
  overrideMail,
  type MailTestingOptions,
  type OverridableBuilder,
  type OverrideMailOptions,
} from './mail-testing.module.js';
export {
  startMailServer,
  type MailServer,
  type MailServerOptions,
  type ReceivedMail,
} from './mail-server.js';
