import { MailValidationError } from '../../errors.js';

/** What a header must never hold reached the composer: the mail did not come through the door. */
export function headerFault(path: string, problem: string): MailValidationError {
  return new MailValidationError([
    { path, problem, fix: 'Build the mail with `createMail` or `parseMail`, which check it' },
  ]);
}
