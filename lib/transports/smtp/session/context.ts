import type { Clock } from '../../../base/clock.js';
import type { Credentials } from './credentials.js';
import type { SmtpErrors } from '../protocol/smtp-errors.js';
import type { ResolvedSmtpOptions } from '../options/smtp.options.js';

/** What all parts of one transport share. */
export interface SmtpContext {
  readonly options: ResolvedSmtpOptions;
  readonly credentials?: Credentials;
  readonly errors: SmtpErrors;
  readonly clock: Clock;
}
