import type { Limit } from './alarm.js';
import type { ResolvedSmtpOptions } from '../options/smtp.options.js';
import { Step } from '../protocol/step.js';
import type { Transaction } from './transaction.js';

/**
 * Until when the server has to take or answer what `head`, the first in line, has come to. `since`:
 * when it was last heard of, in the clock's monotonic milliseconds.
 */
export function limitOf(
  head: Transaction,
  since: number,
  timeouts: ResolvedSmtpOptions['timeouts'],
): Limit {
  if (!head.awaiting || head.uploading) return [Math.max(since, head.writtenAt), timeouts.dataMs];
  if (head.complete && head.expect === Step.content) {
    return [Math.max(since, head.writtenAt), timeouts.replyMs];
  }
  const ms = head.expect === Step.data ? timeouts.dataMs : timeouts.commandMs;
  return [Math.max(since, head.envelopeAt), ms];
}
