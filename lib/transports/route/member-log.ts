import { Logger } from '@nestjs/common';
import { reasonOf, wordsOf } from '../../base/reason.js';
import type { Breaker } from './breaker.js';

/**
 * Tells the log that a road is left out of its route: once, again when the reason changes, and when it
 * is back. Mail goes on over the others, so nobody else would say so.
 */
export class RoadLog {
  private readonly logger = new Logger('MailRoute');
  private reason?: string;

  tell(road: string, { state, staysOpen, lastError }: Breaker): void {
    if (state === 'closed') {
      if (this.reason !== undefined) this.logger.log(`Road ${road} is back`);
      this.reason = undefined;
    } else if (state === 'open' && staysOpen && reasonOf(lastError) !== this.reason) {
      this.reason = reasonOf(lastError);
      this.logger.warn(`Road ${road} takes no mail: ${wordsOf(lastError)}`);
    }
  }
}
