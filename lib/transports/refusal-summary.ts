import type { RejectedRecipient } from '../base/errors.js';
import type { MailFailureSummary } from '../events/mail-events.js';

/** Why recipients did not get a mail that others got. */
export function refusalSummary(
  transport: string,
  refused: readonly RejectedRecipient[],
): MailFailureSummary {
  return {
    code: 'MAIL_RECIPIENTS',
    disposition: refused.every(({ disposition }) => disposition === 'retry')
      ? 'retry'
      : 'permanent',
    message: `${transport} took the mail for others, and refused ${refused.length} of its recipients`,
    transport,
    response: refused[0]?.response ?? '',
  };
}

export const addressesOf = (recipients: readonly RejectedRecipient[]): string[] =>
  recipients.map(({ address }) => address);
