import type { MailDeliveryError, MailStage, RejectedRecipient } from '../../../base/errors.js';
import { isFinal, type SmtpErrors } from './smtp-errors.js';
import type { SmtpReply } from './smtp-reply.js';
import type { Reply } from './reply.js';

/** Turns a server's refusals into errors, with every secret taken out. */
export class Refusals {
  constructor(
    private readonly errors: SmtpErrors,
    readonly redact: (text: string) => string,
  ) {}

  of(stage: MailStage, reply: Reply, rejected?: readonly RejectedRecipient[]): MailDeliveryError {
    return this.errors.refused(stage, reply.said(this.redact), rejected);
  }

  /** The server said something else where its reply to complete content stands. */
  noVerdict(reply: Reply): MailDeliveryError {
    return this.errors.noVerdict(reply.said(this.redact));
  }

  recipient(address: string, reply: Reply): RejectedRecipient {
    const { code, enhancedCode, text } = reply.said(this.redact);
    return {
      address,
      disposition: isFinal(code, 'rcpt') ? 'permanent' : 'retry',
      smtpCode: code,
      enhancedCode,
      response: text,
    };
  }

  /** Every recipient was refused. It is final only if it is so for each of them. */
  everyone(rejected: readonly RejectedRecipient[]): MailDeliveryError {
    const decisive =
      rejected.find((one) => one.smtpCode === 421) ??
      rejected.find((one) => one.disposition === 'retry') ??
      rejected[0]!;
    const { smtpCode = 0, enhancedCode, response } = decisive;
    const said: SmtpReply = { code: smtpCode, enhancedCode, text: response };
    return this.errors.refused('rcpt', said, rejected);
  }
}
