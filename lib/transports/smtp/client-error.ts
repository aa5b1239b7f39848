import type { MailDeliveryError, MailStage, RejectedRecipient } from '../../errors.js';
import type { LoggedReply } from './session-log.js';
import type { SmtpErrors } from './smtp-errors.js';
import { parseReply, type SmtpReply } from './smtp-reply.js';

/** What nodemailer's connection fails with. */
export interface ClientError extends Error {
  readonly code?: string;
  readonly command?: string;
  readonly response?: string;
  readonly recipient?: string;
  readonly rejectedErrors?: readonly ClientError[];
}

/** How far the session had come when the error was raised. */
export interface Progress {
  readonly stage: MailStage;
  readonly reply: LoggedReply | undefined;
  readonly contentComplete: boolean;
}

type Redact = (text: string) => string;

export function toDeliveryError(
  error: ClientError,
  progress: Progress,
  errors: SmtpErrors,
  redact: Redact,
): MailDeliveryError {
  if (error.response && isVerdict(error, progress)) {
    const stage = stageOf(error, progress);
    const reply = parseReply(error.response, redact);
    return errors.refused(stage, reply, rejections(error.rejectedErrors, redact));
  }
  const { stage } = progress;
  switch (error.code) {
    case 'EENVELOPE':
      return errors.unsupported('mail', redact(error.message));
    case 'EAUTH':
      return errors.auth(redact(error.message));
    case 'EPROTOCOL':
      return errors.protocol(stage, `broke the protocol: ${redact(error.message)}`);
    case 'ETLS':
      return errors.tls(stage, error.message, error);
    default:
      return stage === 'starttls'
        ? errors.tls(stage, error.message, error)
        : errors.lost(stage, error);
  }
}

export function rejections(
  list: readonly ClientError[] | undefined,
  redact: Redact,
): RejectedRecipient[] {
  return (list ?? []).map((error) => {
    const reply: SmtpReply = parseReply(error.response ?? '', redact);
    return {
      address: error.recipient ?? '',
      // A reply that is neither 4yz nor 5yz is no verdict: not for good.
      disposition: reply.code >= 500 && reply.code <= 599 ? 'permanent' : 'retry',
      smtpCode: reply.code,
      enhancedCode: reply.enhancedCode,
      response: reply.text,
    };
  });
}

/** Whether the reply answers a command, and came whole. */
function isVerdict(error: ClientError, { reply }: Progress): boolean {
  if (error.command === 'RSET') return false;
  if (error.command !== 'CONN') return true;
  const unasked = error.code === 'EPROTOCOL' && reply?.stage !== 'greeting';
  return !unasked && reply?.text === error.response;
}

/** Which command the reply that nodemailer complains of belongs to. */
function stageOf(error: ClientError, progress: Progress): MailStage {
  if (error.rejectedErrors?.length) return 'rcpt';
  switch (error.command?.split(' ')[0]) {
    case 'MAIL':
      return 'mail';
    case 'RCPT':
      return 'rcpt';
    case 'DATA':
      if (error.code === 'EENVELOPE') return 'data';
      return progress.contentComplete ? 'reply' : 'content';
    case 'EHLO':
    case 'HELO':
      return 'ehlo';
    case 'STARTTLS':
      return 'starttls';
    case 'AUTH':
      return 'auth';
    default:
      return progress.reply?.stage ?? progress.stage;
  }
}
