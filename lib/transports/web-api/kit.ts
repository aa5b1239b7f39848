/** What a Web API provider of one's own is written with: `nestjs-mail-relay/provider`. */
export { MailConfigurationError } from '../../base/errors.js';
export { OptionReader } from '../../base/option-reader.js';
export { redactor } from '../../base/redact.js';
export { entryMail, fillMail, type MailBulkEntry } from '../../message/bulk.js';
export type { Mail, MailAddress, MailAttachment, MailHeader } from '../../message/mail.js';
export { refusalBy, type MailFieldRules } from '../../message/mail-fields.js';
export { codeOfStatus, oneLine, parseJson } from './answer.js';
export { headersOf } from './mail-headers.js';
export * from './own-options.js';
export { retryAfterMs } from './retry-after.js';
export type * from './web-api.manifest.js';
export * from './web-api.provider.js';
