import type { MailDeliveryError } from '../../../base/errors.js';
import type { ChannelEnd } from '../protocol/channel.js';
import { channelEndError } from '../protocol/channel-end-error.js';
import type { Job } from './job.js';
import type { Refusals } from '../protocol/refusals.js';
import type { Reply } from '../protocol/reply.js';
import type { SmtpErrors } from '../protocol/smtp-errors.js';
import type { Transaction } from './transaction.js';

/** How a connection stood when it ended. */
export interface Circumstances {
  readonly end: ChannelEnd;
  /** The server's 421, if it has agreed to nothing since: after it, it takes nothing more. */
  readonly final421: Reply | undefined;
  /** It had finished no mail before. */
  readonly fresh: boolean;
  readonly errors: SmtpErrors;
  readonly refusals: Refusals;
}

/** What becomes of a mail whose connection ended under it. */
type Loss =
  /** Its outcome is known, or cannot be known. */
  | { readonly kind: 'settled'; readonly error: MailDeliveryError }
  /** Surely not accepted. `suspect`: it may be what the connection fell over. */
  | {
      readonly kind: 'open';
      readonly error: MailDeliveryError;
      readonly again: boolean;
      readonly suspect: boolean;
    };

/** `first`: the server was at this mail when the connection ended. */
function lossOf(one: Transaction, first: boolean, how: Circumstances): Loss {
  const { end, final421, fresh, errors, refusals } = how;
  const sane = end.kind !== 'protocol';
  const { failure, turnedAway } = one;
  if (sane && failure && !turnedAway) return { kind: 'settled', error: failure };
  const refused = sane && (final421 !== undefined || one.senderTurnedAway);
  if (one.outcomeUnknown || (one.complete && !refused)) {
    return { kind: 'settled', error: channelEndError(end, 'reply', errors) };
  }
  const error =
    (turnedAway ? failure : undefined) ??
    (final421 ? refusals.of('mail', final421) : channelEndError(end, one.stage, errors));
  const noResend =
    (first && end.kind === 'timeout') ||
    (first && !sane && one.mode === 'lockstep') ||
    ((turnedAway || final421 !== undefined) && fresh && failure?.smtpCode !== 503);
  // Where it has finished none, any of them may be it. An idle connection that was gone counts for none,
  // nor does one that has taken all the mails that its server allows.
  const notAtFault = (one.hold && !one.heard) || (turnedAway && !fresh);
  const suspect = (first || fresh) && one.started && !notAtFault;
  return { kind: 'open', error, again: !noResend, suspect };
}

/** A mail that was surely not accepted. */
export interface ReturnedJob {
  readonly job: Job;
  readonly error: MailDeliveryError;
  /** Whether it may be tried again at once. */
  readonly again: boolean;
}

/** Settles a mail whose connection ended under it, or gives it back. `first` as above. */
export function settleLoss(
  one: Transaction,
  first: boolean,
  how: Circumstances,
): ReturnedJob | undefined {
  const { job } = one;
  if (job.settled) return undefined;
  const loss = lossOf(one, first, how);
  if (loss.kind === 'settled') {
    job.reject(loss.error);
    return undefined;
  }
  if (loss.suspect) job.resends += 1;
  return { job, error: loss.error, again: loss.again };
}
