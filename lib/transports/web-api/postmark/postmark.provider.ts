import { MailConfigurationError, type MailErrorCode } from '../../../errors.js';
import { entryMail, fillMail } from '../../../message/bulk.js';
import type { Mail, MailAddress } from '../../../message/mail.js';
import { OptionReader } from '../../../option-reader.js';
import { codeOfStatus, oneLine, parseJson } from '../answer.js';
import { headersOf } from '../mail-headers.js';
import { smtpOnly } from '../smtp-only.js';
import { retryAfterMs } from '../retry-after.js';
import {
  cannotCarry,
  isFault,
  type WebApiAcceptance,
  type WebApiBulk,
  type WebApiFault,
  type WebApiProvider,
  type WebApiRequest,
  type WebApiResponse,
} from '../web-api.provider.js';

/** What only Postmark knows of a mail (https://postmarkapp.com/developer/api/email-api). */
export interface PostmarkMessageOptions {
  /** Default: the server's transactional stream, `outbound`. */
  readonly messageStream?: string;
  readonly trackOpens?: boolean;
  readonly trackLinks?: 'None' | 'HtmlAndText' | 'HtmlOnly' | 'TextOnly';
}

declare module '../../../message/provider-options.js' {
  interface MailProviderOptions {
    readonly postmark?: PostmarkMessageOptions;
  }
}

/** By its pages on the email API and on metadata, and its support pages on error 300. */
const MAX_RECIPIENTS = 50;
const MAX_TAG_LENGTH = 1000;
const MAX_METADATA = { fields: 10, key: 20, value: 80 };
const MAX_TEXT_BYTES = 5 * 1024 * 1024;
const MAX_BODY_BYTES = 10 * 1024 * 1024;
const MAX_BATCH = 500;
const MAX_BATCH_BYTES = 50 * 1024 * 1024;
const TRACK_LINKS = ['None', 'HtmlAndText', 'HtmlOnly', 'TextOnly'] as const;

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

interface Answer {
  readonly ErrorCode?: unknown;
  readonly Message?: unknown;
  readonly MessageID?: unknown;
}

/** Postmark's email API. */
export class PostmarkProvider implements WebApiProvider {
  readonly name = 'postmark';
  readonly origin: string;
  readonly #token: string;
  private readonly prefix: string;

  constructor({ apiKey, baseUrl }: { readonly apiKey: string; readonly baseUrl: URL }) {
    this.#token = apiKey;
    this.origin = baseUrl.origin;
    this.prefix = baseUrl.pathname.replace(/\/+$/, '');
  }

  request(mail: Mail): WebApiRequest | WebApiFault {
    const found = toBody(mail);
    if (isFault(found)) return found;
    const body = Buffer.from(JSON.stringify(found));
    if (body.length > MAX_BODY_BYTES) return unsupported('attachments', 'at most 10 MB in all');
    return { method: 'POST', path: `${this.prefix}/email`, headers: this.headers(), body };
  }

  response({ status, headers, body }: WebApiResponse, mail: Mail): WebApiAcceptance | WebApiFault {
    const answer = readAnswer(body);
    return status === 200 && answer?.ErrorCode === 0
      ? acceptance(answer, mail)
      : faultOf({ status, headers, body }, answer, mail);
  }

  /** A list of whole mails, each answered for itself. */
  readonly bulk: WebApiBulk = {
    size: MAX_BATCH,
    check: (shared, entry) => {
      const body = toBody(fillMail(shared, entry));
      return isFault(body) ? body : undefined;
    },
    request: (shared, entries) => {
      const parts: string[] = [];
      let size = 2;
      for (const entry of entries.slice(0, MAX_BATCH)) {
        const part = JSON.stringify(toBody(fillMail(shared, entry)));
        size += Buffer.byteLength(part) + 1;
        if (size > MAX_BATCH_BYTES) break;
        parts.push(part);
      }
      if (parts.length === 0) return unsupported('attachments', 'at most 10 MB in all');
      const body = Buffer.from(`[${parts.join(',')}]`);
      const path = `${this.prefix}/email/batch`;
      const request = { method: 'POST', path, headers: this.headers(), body } as const;
      return { request, taken: parts.length };
    },
    response: (response, shared, entries) => {
      const answers = response.status === 200 ? parseJson(response.body) : undefined;
      return entries.map((entry, index) => {
        const mail = entryMail(shared, entry);
        if (!Array.isArray(answers)) return faultOf(response, readAnswer(response.body), mail);
        const answer = toAnswer(answers[index]);
        return answer?.ErrorCode === 0 ? acceptance(answer, mail) : faultOf(response, answer, mail);
      });
    },
  };

  /** Every server token may read its own server's settings. */
  verifyRequest(): WebApiRequest {
    return { method: 'GET', path: `${this.prefix}/server`, headers: this.headers() };
  }

  verifyResponse(response: WebApiResponse): WebApiFault | undefined {
    const answer = readAnswer(response.body);
    if (response.status === 200 && answer && 'ID' in answer) return undefined;
    return { ...faultOf(response, answer), disposition: 'retry', fault: 'road' };
  }

  redact(text: string): string {
    return text.replaceAll(this.#token, '[API key]');
  }

  private headers(): Record<string, string> {
    return {
      'x-postmark-server-token': this.#token,
      accept: 'application/json',
      'content-type': 'application/json',
      'user-agent': 'nestjs-mail-relay',
    };
  }
}

function unsupported(field: string, limit: string): WebApiFault {
  return cannotCarry(`Postmark cannot carry \`${field}\` of this mail: ${limit}`);
}

/** Every field of the mail, or what of it Postmark cannot carry. */
function toBody(mail: Mail): Record<string, unknown> | WebApiFault {
  const limit = findLimit(mail);
  if (limit) return unsupported(...limit);
  try {
    return {
      From: written(mail.from),
      To: list(mail.to),
      ...(mail.cc.length > 0 && { Cc: list(mail.cc) }),
      ...(mail.bcc.length > 0 && { Bcc: list(mail.bcc) }),
      ...(mail.replyTo.length > 0 && { ReplyTo: list(mail.replyTo) }),
      Subject: mail.subject,
      ...(mail.text !== undefined && { TextBody: mail.text }),
      ...(mail.html !== undefined && { HtmlBody: mail.html }),
      ...(mail.tags.length > 0 && { Tag: mail.tags[0] }),
      ...(Object.keys(mail.metadata).length > 0 && { Metadata: mail.metadata }),
      Headers: [
        ...headersOf(mail).map(({ name, value }) => ({ Name: name, Value: value })),
        // Without it Postmark puts a Message-ID of its own in place of ours.
        { Name: 'X-PM-KeepID', Value: 'true' },
      ],
      ...(mail.attachments.length > 0 && { Attachments: mail.attachments.map(attachment) }),
      ...readOptions(mail),
    };
  } catch (error) {
    if (!(error instanceof MailConfigurationError)) throw error;
    return cannotCarry(error.message);
  }
}

/** The first thing of the mail that Postmark would refuse or change: its field, and the limit. */
function findLimit(mail: Mail): [field: string, limit: string] | undefined {
  const { envelope, to, cc, bcc, tags, metadata, text, html } = mail;
  const all = [...to, ...cc, ...bcc];
  const named = new Set(all.map(({ address }) => address));
  if (envelope.from !== mail.from.address) {
    return [mail.sender ? 'sender' : 'envelope.from', 'Postmark chooses the reverse-path itself'];
  }
  if (envelope.to.length !== named.size || !envelope.to.every((one) => named.has(one))) {
    return ['envelope.to', 'Postmark sends to exactly to, cc and bcc'];
  }
  if (to.length === 0) return ['to', 'Postmark needs at least one'];
  if (all.length > MAX_RECIPIENTS) return ['to', `at most ${MAX_RECIPIENTS} in to, cc and bcc`];
  const people = [mail.from, ...all, ...mail.replyTo];
  const foreign = people.find(({ address }) => !/^[!-~]+$/.test(address));
  if (foreign) return ['to', 'addresses in ASCII only'];
  if (!text && !html) return ['text', 'a text or html that is not empty'];
  for (const [field, value] of Object.entries({ text, html })) {
    if (value !== undefined && Buffer.byteLength(value) > MAX_TEXT_BYTES) return [field, '5 MB'];
  }
  for (const field of ['amp', 'icalEvent', 'date', 'sender'] as const) {
    if (mail[field] !== undefined) return [field, 'Postmark has no way to carry it'];
  }
  if (mail.sendAt !== undefined && Date.parse(mail.sendAt) > Date.now()) {
    return ['sendAt', 'Postmark sends at once'];
  }
  const wish = smtpOnly(mail);
  if (wish) return [wish, 'its Web API has no way to ask for it'];
  if (tags.length > 1) return ['tags', 'one tag'];
  if ((tags[0]?.length ?? 0) > MAX_TAG_LENGTH) return ['tags', `${MAX_TAG_LENGTH} characters`];
  const entries = Object.entries(metadata);
  const { fields, key: maxKey, value: maxValue } = MAX_METADATA;
  if (entries.length > fields) return ['metadata', `at most ${fields} fields`];
  if (new Set(entries.map(([key]) => key.toLowerCase())).size < entries.length) {
    return ['metadata', 'keys that differ in more than their case'];
  }
  const long = entries.find(([key, value]) => key.length > maxKey || value.length > maxValue);
  if (long) return ['metadata', `keys of ${maxKey} and values of ${maxValue} characters at most`];
  const bare = mail.attachments.findIndex(({ filename }) => !filename);
  if (bare >= 0) return [`attachments[${bare}].filename`, 'every attachment has a filename'];
  const odd = mail.attachments.findIndex(
    ({ cid, disposition }) => (disposition === 'inline') !== (cid !== undefined),
  );
  if (odd >= 0) return [`attachments[${odd}].contentDisposition`, 'inline with a cid, and only so'];
  const forged = headersOf(mail).find(
    ({ name, value }) => !/^[!-9;-~]+$/.test(name) || !/^[\t -~]*$/.test(value),
  );
  return forged && [`headers.${forged.name}`, 'no control characters in a header'];
}

/** @throws MailConfigurationError by the mail's `providerOptions.postmark` */
function readOptions(mail: Mail): Record<string, unknown> {
  const raw = mail.providerOptions?.postmark;
  const known = ['messageStream', 'trackOpens', 'trackLinks'];
  const reader = new OptionReader('providerOptions.postmark', raw, known);
  const given = (key: string): boolean => reader.raw(key) !== undefined;
  return {
    ...(given('messageStream') && { MessageStream: reader.string('messageStream') }),
    ...(given('trackOpens') && { TrackOpens: reader.boolean('trackOpens', false) }),
    ...(given('trackLinks') && { TrackLinks: reader.oneOf('trackLinks', TRACK_LINKS) }),
  };
}

function written({ name, address }: MailAddress): string {
  return name ? `"${name.replace(/["\\]/g, '\\$&')}" <${address}>` : address;
}

function list(people: readonly MailAddress[]): string {
  return people.map(written).join(', ');
}

function attachment({ filename, content, contentType, cid }: Mail['attachments'][number]): object {
  return {
    Name: filename,
    Content: content.toString('base64'),
    ContentType: contentType,
    ...(cid !== undefined && { ContentID: `cid:${cid}` }),
  };
}

function readAnswer(body: string): Answer | undefined {
  return toAnswer(parseJson(body));
}

function toAnswer(answer: unknown): Answer | undefined {
  return typeof answer === 'object' && answer !== null ? answer : undefined;
}

function acceptance({ Message, MessageID }: Answer, mail: Mail): WebApiAcceptance | WebApiFault {
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

function faultOf(response: WebApiResponse, answer: Answer | undefined, mail?: Mail): WebApiFault {
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
    fault: ofMessage ? 'message' : 'road',
    stage: 'response',
    message: `Postmark answered ${status}${error === undefined ? '' : ` (error ${error})`}: ${words}`,
    httpStatus: status,
    response: words,
    rejected: refused.map((address) => ({ address, disposition: 'permanent', response: words })),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  };
}
