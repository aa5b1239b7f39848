import {
  abortedError,
  MailDeliveryError,
  type MailDeliveryErrorInit,
  type MailErrorCode,
  type MailStage,
  type RejectedRecipient,
} from '../../../base/errors.js';
import { messageOf } from '../../../base/reason.js';
import { cleanWords } from '../../../base/server-words.js';
import type { SmtpReply } from './smtp-reply.js';

/** Stages of which the transport is at fault whatever the server replies: the mail was not yet spoken of. */
const TRANSPORT_STAGES: Partial<Record<MailStage, MailErrorCode>> = {
  greeting: 'MAIL_SERVICE',
  ehlo: 'MAIL_SERVICE',
  starttls: 'MAIL_TLS',
  auth: 'MAIL_AUTH',
};

const MESSAGE_STAGES: Partial<Record<MailStage, MailErrorCode>> = {
  mail: 'MAIL_SENDER',
  rcpt: 'MAIL_RECIPIENTS',
  data: 'MAIL_CONTENT',
  content: 'MAIL_CONTENT',
  reply: 'MAIL_CONTENT',
};

const STAGE_WORDS: Partial<Record<MailStage, string>> = {
  dns: 'while its name was being resolved',
  connect: 'while connecting',
  greeting: 'before its greeting',
  reply: 'after the content was complete, before its reply: the mail may have been accepted',
};

function words(stage: MailStage): string {
  return STAGE_WORDS[stage] ?? `at ${stage.toUpperCase()}`;
}

function why(cause: unknown): string {
  const said = messageOf(cause);
  return said && `: ${said}`;
}

/** Once the content is complete, only a reply tells whether it was accepted (RFC 1047). */
function openDisposition(stage: MailStage): 'retry' | 'unknown' {
  return stage === 'reply' ? 'unknown' : 'retry';
}

/**
 * Whether a refusal is the last word on the mail. 503 speaks of the order of commands. 552 to RCPT is what old
 * servers say to too many recipients (RFC 5321 §4.5.3.1.10).
 */
export function isFinal(code: number, stage: MailStage): boolean {
  return code >= 500 && code !== 503 && !(code === 552 && stage === 'rcpt');
}

/** Makes the errors of one transport, by the failure matrix. None of them holds a secret. */
export class SmtpErrors {
  constructor(readonly transport: string) {}

  /** The server refused something with `reply`. */
  refused(
    stage: MailStage,
    reply: SmtpReply,
    rejected?: readonly RejectedRecipient[],
  ): MailDeliveryError {
    const { code, text } = reply;
    const said = { smtpCode: code, enhancedCode: reply.enhancedCode, response: text };
    const transport =
      code === 421 ? 'MAIL_SERVICE' : code === 530 ? 'MAIL_AUTH' : TRANSPORT_STAGES[stage];
    if (transport) {
      const message = `${this.transport} refused to go on ${words(stage)}: ${text}`;
      // Whatever the stage: a refusal is a reply, so nothing was accepted.
      return this.make(stage, { code: transport, disposition: 'retry', message, ...said });
    }
    if (code < 400 || code > 599) return this.protocol(stage, `replied out of step: ${text}`, said);
    if (code === 503 && stage !== 'reply') {
      return this.protocol(stage, `refused the order of commands ${words(stage)}: ${text}`, said);
    }
    const retryable = rejected?.some((recipient) => recipient.disposition === 'retry');
    const disposition = isFinal(code, stage) && !retryable ? 'permanent' : 'retry';
    const whom = stage === 'rcpt' ? 'every recipient' : 'the mail';
    const message = `${this.transport} refused ${whom} ${stage === 'reply' ? 'after its content' : words(stage)}: ${text}`;
    const refusal = MESSAGE_STAGES[stage] ?? 'MAIL_PROTOCOL';
    return this.make(stage, {
      code: refusal,
      fault: 'message',
      disposition,
      message,
      rejected,
      ...said,
    });
  }

  /** 421 in place of the reply to complete content: the server closes, and says nothing of the mail. */
  noVerdict({ code, enhancedCode, text }: SmtpReply): MailDeliveryError {
    const message = `${this.transport} closed in place of its reply to the content: the mail may have been accepted: ${text}`;
    const said = { smtpCode: code, enhancedCode, response: text };
    return this.make('reply', { code: 'MAIL_SERVICE', message, ...said });
  }

  lost(stage: MailStage, cause?: unknown): MailDeliveryError {
    const code =
      stage === 'dns' ? 'MAIL_DNS' : stage === 'connect' ? 'MAIL_CONNECT' : 'MAIL_CONNECTION_LOST';
    return this.make(stage, {
      code,
      message: `The connection to ${this.transport} was lost ${words(stage)}${why(cause)}`,
      cause,
    });
  }

  dns(cause: unknown): MailDeliveryError {
    const message = `The host of ${this.transport} could not be resolved${why(cause)}`;
    return this.make('dns', { code: 'MAIL_DNS', message, cause });
  }

  connect(cause: unknown): MailDeliveryError {
    return this.make('connect', {
      code: 'MAIL_CONNECT',
      message: `No connection to ${this.transport}${why(cause)}`,
      cause,
    });
  }

  tls(stage: MailStage, why: string, cause?: unknown): MailDeliveryError {
    const message = `No trusted TLS with ${this.transport}: ${why}`;
    return this.make(stage, { code: 'MAIL_TLS', message, cause });
  }

  auth(why: string): MailDeliveryError {
    return this.make('auth', {
      code: 'MAIL_AUTH',
      message: `No authentication with ${this.transport}: ${why}`,
    });
  }

  timeout(stage: MailStage, ms: number): MailDeliveryError {
    const code =
      stage === 'dns'
        ? 'MAIL_DNS'
        : stage === 'connect'
          ? 'MAIL_CONNECT'
          : stage === 'starttls'
            ? 'MAIL_TLS'
            : 'MAIL_TIMEOUT';
    return this.make(stage, {
      code,
      message: `${this.transport} let ${ms} ms pass ${words(stage)}`,
    });
  }

  aborted(stage: MailStage, cause: unknown): MailDeliveryError {
    const message = `The attempt over ${this.transport} was aborted ${stage === 'queue' ? 'before it began' : words(stage)}`;
    const { transport } = this;
    const disposition = openDisposition(stage);
    return abortedError({ stage, disposition, fault: 'transport', message, transport, cause });
  }

  protocol(
    stage: MailStage,
    what: string,
    said: Partial<MailDeliveryErrorInit> = {},
  ): MailDeliveryError {
    return this.make(stage, {
      code: 'MAIL_PROTOCOL',
      message: `${this.transport} ${what}`,
      ...said,
    });
  }

  unsupported(stage: MailStage, why: string): MailDeliveryError {
    const message = `${this.transport} cannot carry this mail: ${why}`;
    return this.make(stage, {
      code: 'MAIL_UNSUPPORTED',
      fault: 'message',
      disposition: 'permanent',
      message,
    });
  }

  /** The thread that signs broke down, or was closed. */
  unsigned(cause?: unknown): MailDeliveryError {
    const message = `${this.transport} could not sign the mail with DKIM: its thread ended`;
    return this.make('queue', { code: 'MAIL_DKIM', message, cause });
  }

  /** RFC 8689 gives the status code. */
  noRequireTls(): MailDeliveryError {
    const why = 'it may only go where REQUIRETLS (RFC 8689) is offered over trusted TLS';
    return this.make('mail', {
      code: 'MAIL_UNSUPPORTED',
      fault: 'message',
      disposition: 'permanent',
      enhancedCode: '5.7.30',
      message: `${this.transport} cannot carry this mail: ${why}`,
    });
  }

  tooLarge(size: number, limit: number): MailDeliveryError {
    const message = `${this.transport} takes at most ${limit} bytes (SIZE, RFC 1870); this mail has ${size}`;
    return this.make('mail', {
      code: 'MAIL_CONTENT',
      fault: 'message',
      disposition: 'permanent',
      message,
    });
  }

  queueFull(limit: number): MailDeliveryError {
    const message = `${limit} mails are waiting for ${this.transport} already (pool.maxQueued)`;
    return this.make('queue', { code: 'MAIL_RATE', message });
  }

  /** An error of its own for another mail that the same fault stands in the way of. */
  again(error: MailDeliveryError): MailDeliveryError {
    const { code, disposition, fault, stage, message, smtpCode, enhancedCode, response } = error;
    const said = { smtpCode, enhancedCode, response };
    return this.make(stage, { code, disposition, fault, message, ...said, cause: error });
  }

  private make(
    stage: MailStage,
    init: Partial<MailDeliveryErrorInit> & Pick<MailDeliveryErrorInit, 'code' | 'message'>,
  ): MailDeliveryError {
    return new MailDeliveryError({
      fault: 'transport',
      disposition: openDisposition(stage),
      stage,
      transport: this.transport,
      ...init,
      // A certificate's names, for one, come from the other side too.
      message: cleanWords(init.message),
    });
  }
}
