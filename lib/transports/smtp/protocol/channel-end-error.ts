import type { MailDeliveryError, MailStage } from '../../../base/errors.js';
import type { ChannelEnd } from './channel.js';
import type { SmtpErrors } from './smtp-errors.js';

/** What the end of a channel means for whoever waited at `stage`; at `reply` the outcome is unknown. */
export function channelEndError(
  end: ChannelEnd,
  stage: MailStage,
  errors: SmtpErrors,
): MailDeliveryError {
  switch (end.kind) {
    case 'lost':
      return stage === 'starttls'
        ? errors.tls(stage, 'the server closed the connection', end.cause)
        : errors.lost(stage, end.cause);
    case 'timeout':
      return errors.timeout(stage, end.ms);
    case 'protocol':
      return errors.protocol(stage, `broke the protocol: ${end.problem}`);
    case 'closed':
      return errors.aborted(stage, end.reason);
  }
}
