import { Logger } from '@nestjs/common';
import { reasonOf, messageOf } from '../../base/reason.js';
import type { Breaker } from './breaker.js';

/**
 * Tells the log that a transport is left out of its route: once, again when the reason changes, and when it
 * is back. Mail goes on over the others, so nobody else would say so.
 */
export class MemberLog {
  private readonly logger = new Logger('MailRoute');
  private reason?: string;

  tell(member: string, { state, staysOpen, lastError }: Breaker): void {
    if (state === 'closed') {
      if (this.reason !== undefined) this.logger.log(`Transport ${member} is back`);
      this.reason = undefined;
    } else if (state === 'open' && staysOpen && reasonOf(lastError) !== this.reason) {
      this.reason = reasonOf(lastError);
      this.logger.warn(`Transport ${member} takes no mail: ${messageOf(lastError)}`);
    }
  }
}
