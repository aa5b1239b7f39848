import { MailValidationError } from '../../base/errors.js';

/**
 * What a header must never hold reached the composer: a mail that did not come through the door,
 * unless `fix` says otherwise.
 */
export function headerFault(
  path: string,
  problem: string,
  fix = 'Build the mail with `createMail` or `parseMail`, which check it',
): MailValidationError {
  return new MailValidationError([{ path, problem, fix }]);
}
