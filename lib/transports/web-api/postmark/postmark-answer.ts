import type { MailErrorCode } from '../../../base/errors.js';
import type { Mail } from '../../../message/mail.js';
import { codeOfStatus, oneLine, parseJson } from '../answer.js';
import { retryAfterMs } from '../retry-after.js';
import type { WebApiAcceptance, WebApiFault, WebApiResponse } from '../web-api.provider.js';

/** API error codes (https://postmarkapp.com/developer/api/overview) that are not the content's fault. */
const CODES: Readonly<Record<number, MailErrorCode>> = {
  10: 'MAIL_AUTH', // bad or missing token
  100: 'MAIL_SERVICE', // maintenance
  400: 'MAIL_SENDER', // sender signature not found
  401: 'MAIL_SENDER', // sender signature not confirmed
  405: 'MAIL_AUTH', // not allowed to send: out of credits
  406: 'MAIL_RECIPIENTS', // inactive recipients
  412: 'MAIL_AUTH', // account pending approval
  413: 'MAIL_AUTH', // account may not send
  429: 'MAIL_RATE',
};
const OF_THE_MESSAGE: readonly MailErrorCode[] = ['MAIL_CONTENT', 'MAIL_SENDER', 'MAIL_RECIPIENTS'];

export interface Answer {
  readonly ErrorCode?: unknown;
  readonly Message?: unknown;
  readonly MessageID?: unknown;
}

export function readAnswer(body: string): Answer | undefined {
  return toAnswer(parseJson(body));
}

export function toAnswer(answer: unknown): Answer | undefined {
  return typeof answer === 'object' && answer !== null ? answer : undefined;
}

export function acceptance(
  { Message, MessageID }: Answer,
  mail: Mail,
): WebApiAcceptance | WebApiFault {
  const response = typeof Message === 'string' ? oneLine(Message) : 'OK';
  const inactive = inactiveOf(response, mail);
  return {
    accepted: mail.envelope.to.filter((address) => !inactive.includes(address)),
    rejected: inactive.map((address) => ({ address, disposition: 'permanent', response })),
    response,
    ...(typeof MessageID === 'string' && { remoteId: MessageID }),
  };
}

/** The recipients that it names as inactive; only its words tell. */
function inactiveOf(message: string, mail: Mail): string[] {
  const said = /inactive addresses: (.+?)\.?(?: Inactive|$)/.exec(message)?.[1] ?? '';
  const named = new Set(said.split(',').map((address) => address.trim().toLowerCase()));
  return mail.envelope.to.filter((address) => named.has(address.toLowerCase()));
}

export function faultOf(
  response: WebApiResponse,
  answer: Answer | undefined,
  mail?: Mail,
): WebApiFault {
  const { status, body } = response;
  const error = typeof answer?.ErrorCode === 'number' ? answer.ErrorCode : undefined;
  const words = oneLine(typeof answer?.Message === 'string' ? answer.Message : body);
  // Only with these two is the body's code about the mail or the account.
  const known = status === 422 || status === 200 ? error : undefined;
  const code = known === undefined ? codeOfStatus(status) : (CODES[known] ?? 'MAIL_CONTENT');
  const wait = status === 429 || status >= 500 ? retryAfterMs(response) : undefined;
  const ofMessage = OF_THE_MESSAGE.includes(code);
  const refused = code === 'MAIL_RECIPIENTS' ? (mail?.envelope.to ?? []) : [];
  const failed = ofMessage ? 'permanent' : 'retry';
  return {
    code,
    disposition: known === undefined && status < 300 ? 'unknown' : failed,
    fault: ofMessage ? 'message' : 'transport',
    stage: 'response',
    message: `Postmark answered ${status}${error === undefined ? '' : ` (error ${error})`}: ${words}`,
    httpStatus: status,
    response: words,
    rejected: refused.map((address) => ({ address, disposition: 'permanent', response: words })),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  };
}
