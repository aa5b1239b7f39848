import {
  MailConfigurationError,
  MailDeliveryError,
  type MailDeliveryErrorInit,
} from '../base/errors.js';
import type { Mail } from '../message/mail.js';

const NAMED = {
  refused: ['MAIL_CONNECT', 'retry', 'transport', 'connect', 'connect ECONNREFUSED'],
  dns: ['MAIL_DNS', 'retry', 'transport', 'dns', 'getaddrinfo ENOTFOUND'],
  tls: ['MAIL_TLS', 'retry', 'transport', 'starttls', 'the certificate has expired'],
  auth: ['MAIL_AUTH', 'retry', 'transport', 'auth', '535 5.7.8 authentication failed'],
  timeout: ['MAIL_TIMEOUT', 'retry', 'transport', 'connect', 'no answer within the deadline'],
  'drop-before-dot': ['MAIL_CONNECTION_LOST', 'retry', 'transport', 'content', 'connection lost'],
  'drop-after-dot': ['MAIL_CONNECTION_LOST', 'unknown', 'transport', 'reply', 'connection lost'],
} as const;

/**
 * What the outbox does with the next attempt:
 * - `'ok'`: it takes the mail.
 * - an SMTP reply code (`'421'`, `'450'`, `'451'`, `'535'`, `'550'`, `'552'`, `'554'` …): it refuses as a
 *   server does that answers so.
 * - `'refused'`, `'dns'`, `'tls'`, `'auth'`, `'timeout'`, `'drop-before-dot'`, `'drop-after-dot'`: the transport fails.
 * - `'hang'`: nothing happens until the attempt is aborted.
 * - `{ retryAfter }`: it asks to come again after so many milliseconds.
 * - `{ reject, code? }`: it takes the mail for all recipients but these. Code default `'550'`.
 * - an Error: the transport throws it.
 */
export type OutboxStep =
  | 'ok'
  | 'hang'
  | keyof typeof NAMED
  | `${4 | 5}${number}`
  | { readonly retryAfter: number }
  | { readonly reject: readonly string[]; readonly code?: `${4 | 5}${number}` }
  | Error;

/** A step at which the whole attempt fails. */
export type OutboxFailure = keyof typeof NAMED | `${4 | 5}${number}` | Error;

export function isRejecting(
  step: OutboxStep,
): step is { readonly reject: readonly string[]; readonly code?: `${4 | 5}${number}` } {
  return typeof step === 'object' && 'reject' in step;
}

/** Checked when the script is written, so that a slip fails there. */
export function checkStep(step: OutboxStep): void {
  if (typeof step === 'string' ? isWord(step) : isObjectStep(step)) return;
  const words = Object.keys(NAMED).map((name) => `'${name}'`);
  throw new MailConfigurationError(
    'outbox.script()',
    `given steps such as 'ok', '421', ${words.join(', ')}, { retryAfter: 5000 }, { reject: [address] }`,
    typeof step === 'string' ? `'${step}'` : JSON.stringify(step),
  );
}

const isWord = (step: string): boolean =>
  step === 'ok' || step === 'hang' || Object.hasOwn(NAMED, step) || /^[45]\d\d$/.test(step);

function isObjectStep(step: unknown): boolean {
  if (typeof step !== 'object' || step === null) return false;
  if (step instanceof Error) return true;
  if ('retryAfter' in step) return typeof step.retryAfter === 'number' && step.retryAfter >= 0;
  return 'reject' in step && Array.isArray(step.reject);
}

/** The error that a transport raises for that step. */
export function errorOf(
  step: Exclude<OutboxStep, 'ok' | 'hang'>,
  mail: Mail | undefined,
  transport: string,
): Error {
  if (step instanceof Error) return step;
  if (typeof step === 'object') {
    const retryAfterMs = 'retryAfter' in step ? step.retryAfter : undefined;
    return new MailDeliveryError({
      code: 'MAIL_RATE',
      disposition: 'retry',
      fault: 'transport',
      stage: 'response',
      message: `${transport} asks to wait for ${retryAfterMs ?? 0} ms (scripted)`,
      transport,
      httpStatus: 429,
      retryAfterMs,
    });
  }
  if (step in NAMED) {
    const [code, disposition, fault, stage, what] = NAMED[step as keyof typeof NAMED];
    const message = `${transport}: ${what} (scripted)`;
    return new MailDeliveryError({ code, disposition, fault, stage, message, transport });
  }
  return refusal(step, mail, transport);
}

/** As a server that answers with this code, by what the code is about (RFC 5321 §4.2.3). */
function refusal(text: string, mail: Mail | undefined, transport: string): MailDeliveryError {
  const smtpCode = Number(text);
  const disposition = smtpCode < 500 ? ('retry' as const) : ('permanent' as const);
  const response = `${text} scripted`;
  const init = (rest: Pick<MailDeliveryErrorInit, 'code' | 'fault' | 'stage'>) =>
    new MailDeliveryError({
      disposition,
      message: `${transport} answered ${response}`,
      transport,
      smtpCode,
      response,
      ...rest,
      ...(rest.code === 'MAIL_RECIPIENTS' && {
        rejected: (mail?.envelope.to ?? []).map((address) => {
          return { address, disposition, smtpCode, response };
        }),
      }),
      // A transport's fault is never the mail's: it may be sent later, or over another one.
      ...(rest.fault === 'transport' && { disposition: 'retry' as const }),
    });
  if (smtpCode === 421)
    return init({ code: 'MAIL_SERVICE', fault: 'transport', stage: 'greeting' });
  if ([454, 530, 534, 535, 538].includes(smtpCode)) {
    return init({ code: 'MAIL_AUTH', fault: 'transport', stage: 'auth' });
  }
  if ([450, 550, 551, 553].includes(smtpCode)) {
    return init({ code: 'MAIL_RECIPIENTS', fault: 'message', stage: 'rcpt' });
  }
  return init({ code: 'MAIL_CONTENT', fault: 'message', stage: 'reply' });
}
