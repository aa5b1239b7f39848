import {
  MailDeliveryError,
  type MailDeliveryErrorInit,
  type MailErrorCode,
  type MailStage,
  type RejectedRecipient,
} from '../../errors.js';
import type { ChannelEnd } from './channel.js';
import type { Reply } from './reply.js';

/** Most of a server's words kept in an error; a hostile server may say much. */
const MAX_RESPONSE = 1000;

export function words(reply: Reply): string {
  return reply.response.slice(0, MAX_RESPONSE);
}

/** A road fault before any mail was at stake. */
export function roadFault(
  road: string,
  init: Pick<MailDeliveryErrorInit, 'code' | 'stage' | 'message' | 'cause'>,
  reply?: Reply,
): MailDeliveryError {
  return new MailDeliveryError({
    ...init,
    disposition: 'retry',
    fault: 'road',
    road,
    ...(reply ? replyFields(reply) : {}),
  });
}

/** The server refused a mail: 4yz is to be tried again, 5yz never, and 421 is the road's fault. */
export function refusal(
  road: string,
  code: MailErrorCode,
  stage: MailStage,
  reply: Reply,
  rejected: readonly RejectedRecipient[] = [],
): MailDeliveryError {
  const closing = reply.code === 421;
  return new MailDeliveryError({
    code: closing ? 'MAIL_SERVICE' : code,
    disposition: reply.kind === 5 ? 'permanent' : 'retry',
    fault: closing ? 'road' : 'message',
    stage,
    message: `${road} refused the mail at ${stage.toUpperCase()}: ${words(reply)}`,
    road,
    rejected,
    ...replyFields(reply),
  });
}

/** Every recipient was refused. It is final only if it is for each of them. */
export function allRefused(
  road: string,
  rejected: readonly RejectedRecipient[],
  last: Reply,
): MailDeliveryError {
  const closing = rejected.find((one) => one.smtpCode === 421);
  const open = rejected.find((one) => one.disposition === 'retry');
  const first = closing ?? open ?? rejected[0];
  const code = first?.enhancedCode;
  return new MailDeliveryError({
    code: closing ? 'MAIL_SERVICE' : 'MAIL_RECIPIENTS',
    disposition: open ? 'retry' : 'permanent',
    fault: closing ? 'road' : 'message',
    stage: 'rcpt',
    message: `${road} refused every recipient: ${first?.response ?? words(last)}`,
    road,
    rejected,
    smtpCode: first?.smtpCode ?? last.code,
    ...(code === undefined ? {} : { enhancedCode: code }),
    response: first?.response ?? words(last),
  });
}

export function rejectedRecipient(address: string, reply: Reply): RejectedRecipient {
  const { enhancedCode } = reply;
  return {
    address,
    disposition: reply.kind === 5 ? 'permanent' : 'retry',
    smtpCode: reply.code,
    ...(enhancedCode === undefined ? {} : { enhancedCode }),
    response: words(reply),
  };
}

/** The channel ended under a mail. `mayHaveAccepted`: its content was complete and no reply had come. */
export function endedUnder(
  road: string,
  end: ChannelEnd,
  stage: MailStage,
  mayHaveAccepted: boolean,
): MailDeliveryError {
  const outcome = mayHaveAccepted ? 'the mail may have been accepted' : 'the mail was not accepted';
  const [code, what] = describeEnd(end, stage);
  return new MailDeliveryError({
    code,
    disposition: mayHaveAccepted ? 'unknown' : 'retry',
    fault: 'road',
    stage,
    message: `${road} ${what}; ${outcome}.`,
    road,
    cause: end.kind === 'lost' ? end.cause : undefined,
  });
}

/** The caller gave up, or the pool was torn down. */
export function aborted(
  road: string,
  stage: MailStage,
  mayHaveAccepted: boolean,
  cause: unknown,
): MailDeliveryError {
  const outcome = mayHaveAccepted
    ? 'its content is complete: it may have been accepted'
    : 'it was not sent';
  return new MailDeliveryError({
    code: 'MAIL_ABORTED',
    disposition: mayHaveAccepted ? 'unknown' : 'retry',
    fault: 'road',
    stage,
    message: `The mail over ${road} was aborted; ${outcome}.`,
    road,
    cause,
  });
}

export function queueFull(road: string, maxQueued: number): MailDeliveryError {
  const message = `${road}: ${maxQueued} mails wait already; this one was not taken.`;
  return roadFault(road, { code: 'MAIL_RATE', stage: 'queue', message });
}

export function describeEnd(end: ChannelEnd, stage: MailStage): [MailErrorCode, string] {
  switch (end.kind) {
    case 'lost':
      return ['MAIL_CONNECTION_LOST', `closed the connection (stage ${stage})`];
    case 'timeout':
      return ['MAIL_TIMEOUT', `did not answer in time (stage ${stage})`];
    case 'protocol':
      return ['MAIL_PROTOCOL', `broke the protocol (stage ${stage}): ${end.problem}`];
    case 'closed':
      return ['MAIL_ABORTED', `was left on purpose (stage ${stage})`];
  }
}

function replyFields(
  reply: Reply,
): Pick<MailDeliveryErrorInit, 'smtpCode' | 'enhancedCode' | 'response'> {
  const { enhancedCode } = reply;
  return {
    smtpCode: reply.code,
    ...(enhancedCode === undefined ? {} : { enhancedCode }),
    response: words(reply),
  };
}
