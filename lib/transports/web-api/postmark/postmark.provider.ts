import { entryMail, fillMail } from '../../../message/bulk.js';
import type { Mail } from '../../../message/mail.js';
import { parseJson } from '../answer.js';
import { redactor } from '../../../base/redact.js';
import {
  isFault,
  type WebApiAcceptance,
  type WebApiBulk,
  type WebApiFault,
  type WebApiProvider,
  type WebApiRequest,
  type WebApiResponse,
} from '../web-api.provider.js';
import type { ProviderSettings } from '../web-api.manifest.js';
import { acceptance, faultOf, readAnswer, toAnswer } from './postmark-answer.js';
import { MAX_BATCH, type PostmarkTransportOptions } from './postmark.options.js';
import { MAX_BODY_BYTES, toBody, TOO_LARGE } from './postmark-body.js';

/** By its page on the email API. */
const MAX_BATCH_BYTES = 50 * 1024 * 1024;

export { POSTMARK_FIELDS as fields } from './postmark-fields.js';

/** What the manifest loads. */
export function create(settings: ProviderSettings<PostmarkTransportOptions>): WebApiProvider {
  return new PostmarkProvider(settings);
}

/** Postmark's email API. */
export class PostmarkProvider implements WebApiProvider {
  readonly name = 'postmark';
  readonly origin: string;
  readonly #token: string;
  readonly #redact: (text: string) => string;
  private readonly prefix: string;

  constructor({ apiKey, baseUrl }: ProviderSettings<PostmarkTransportOptions>) {
    this.#token = apiKey;
    this.#redact = redactor([apiKey], '[API key]');
    this.origin = baseUrl.origin;
    this.prefix = baseUrl.pathname.replace(/\/+$/, '');
  }

  request(mail: Mail): WebApiRequest | WebApiFault {
    const found = toBody(mail);
    if (isFault(found)) return found;
    const body = Buffer.from(JSON.stringify(found));
    if (body.length > MAX_BODY_BYTES) return TOO_LARGE;
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
        const bytes = Buffer.byteLength(part);
        size += bytes + 1;
        if (size > MAX_BATCH_BYTES || bytes > MAX_BODY_BYTES) break;
        parts.push(part);
      }
      if (parts.length === 0) return { request: TOO_LARGE, taken: 1 };
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
    return { ...faultOf(response, answer), disposition: 'retry', fault: 'transport' };
  }

  redact(text: string): string {
    return this.#redact(text);
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
