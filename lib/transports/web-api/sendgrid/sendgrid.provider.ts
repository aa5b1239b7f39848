import { MailConfigurationError } from '../../../base/errors.js';
import type { Mail } from '../../../message/mail.js';
import { parseJson } from '../answer.js';
import { redactor } from '../../../base/redact.js';
import { headersOf } from '../mail-headers.js';
import {
  cannotCarry,
  type WebApiAcceptance,
  type WebApiBulk,
  type WebApiFault,
  type WebApiProvider,
  type WebApiRequest,
  type WebApiResponse,
} from '../web-api.provider.js';
import type { ProviderSettings } from '../web-api.manifest.js';
import { toSendGridBody } from './sendgrid-body.js';
import { findLimit, MAX_BODY_BYTES, type SendGridLimit } from './sendgrid-limits.js';
import { bulkFaults, findEntryLimit, toBulkBody } from './sendgrid-bulk.js';
import { readSendGridOptions, type SendGridExtras } from './sendgrid-options.js';
import { MAX_PERSONALIZATIONS, type SendGridTransportOptions } from './sendgrid.options.js';
import { errorWords, faultOf } from './sendgrid-response.js';

export { SENDGRID_FIELDS as fields } from './sendgrid-fields.js';

/** What the manifest loads. */
export function create(settings: ProviderSettings<SendGridTransportOptions>): WebApiProvider {
  return new SendGridProvider(settings);
}

/** SendGrid's v3 Web API (https://www.twilio.com/docs/sendgrid/api-reference/mail-send). */
export class SendGridProvider implements WebApiProvider {
  readonly name = 'sendgrid';
  readonly origin: string;
  readonly #apiKey: string;
  readonly #redact: (text: string) => string;
  private readonly prefix: string;
  private readonly sandbox: boolean;
  private readonly onBehalfOf: string | undefined;
  private readonly sendPath: string;
  /** Made once; they hold the key. */
  readonly #sendHeaders: Readonly<Record<string, string>>;

  constructor({
    apiKey,
    baseUrl,
    sandbox = false,
    onBehalfOf,
  }: ProviderSettings<SendGridTransportOptions>) {
    this.#apiKey = apiKey;
    this.#redact = redactor([apiKey], '[API key]');
    this.origin = baseUrl.origin;
    this.prefix = baseUrl.pathname.replace(/\/+$/, '');
    this.sandbox = sandbox;
    this.onBehalfOf = onBehalfOf;
    this.sendPath = `${this.prefix}/v3/mail/send`;
    this.#sendHeaders = this.headers();
  }

  request(mail: Mail): WebApiRequest | WebApiFault {
    return this.mapped(mail, (options, now) => {
      const headers = headersOf(mail);
      const limit = findLimit(mail, now, options, headers);
      if (limit) return unsupported(limit);
      const json = JSON.stringify(toSendGridBody(mail, now, this.sandbox, options, headers));
      const body = Buffer.from(json);
      return body.length < MAX_BODY_BYTES ? this.post(body, options) : unsupported(TOO_LARGE);
    });
  }

  response(answer: WebApiResponse, mail: Mail): WebApiAcceptance | WebApiFault {
    // 202 is "queued", and what the sandbox says instead is 200.
    if (answer.status !== (this.sandbox ? 200 : 202)) return faultOf(answer);
    return this.accepted(answer, mail.envelope.to);
  }

  /** Many personalizations of one mail: a thousand at most, each with one recipient. */
  readonly bulk: WebApiBulk = {
    size: MAX_PERSONALIZATIONS,
    check: (shared, entry) => {
      const found = this.mapped(shared, (options, now) => {
        return findEntryLimit(shared, entry, now, options);
      });
      return found && ('disposition' in found ? found : unsupported(found));
    },
    request: (shared, entries) =>
      this.mapped(shared, (options, now) => {
        const made = toBulkBody(shared, entries, now, this.sandbox, options);
        if (!made) return unsupported(TOO_LARGE);
        const { body, taken } = made;
        return { request: body ? this.post(body, options) : unsupported(TOO_LARGE_PART), taken };
      }),
    response: (answer, _, entries) =>
      answer.status === (this.sandbox ? 200 : 202)
        ? entries.map((entry) => this.accepted(answer, [entry.to.address]))
        : bulkFaults(answer, entries.length),
  };

  /** Every key may ask what it may do. */
  verifyRequest(): WebApiRequest {
    return { method: 'GET', path: `${this.prefix}/v3/scopes`, headers: this.headers() };
  }

  verifyResponse(answer: WebApiResponse): WebApiFault | undefined {
    if (answer.status !== 200)
      return { ...faultOf(answer), disposition: 'retry', fault: 'transport' };
    const { scopes } = (parseJson(answer.body) ?? {}) as { scopes?: unknown };
    if (!Array.isArray(scopes)) {
      return {
        code: 'MAIL_PROTOCOL',
        disposition: 'retry',
        fault: 'transport',
        stage: 'response',
        message: 'The answer to GET /v3/scopes is not SendGrid’s',
        httpStatus: answer.status,
      };
    }
    if (scopes.includes('mail.send')) return undefined;
    return {
      code: 'MAIL_AUTH',
      disposition: 'retry',
      fault: 'transport',
      stage: 'response',
      message: 'The API key lacks the scope mail.send',
      httpStatus: answer.status,
    };
  }

  redact(text: string): string {
    return this.#redact(text);
  }

  /** `map` with the mail's own settings, or what is wrong with them. */
  private mapped<T>(mail: Mail, map: (options: SendGridExtras, now: number) => T): T | WebApiFault {
    const now = Date.now();
    try {
      return map(readSendGridOptions(mail, now), now);
    } catch (error) {
      if (!(error instanceof MailConfigurationError)) throw error;
      return cannotCarry(error.message);
    }
  }

  private post(body: Buffer, { onBehalfOf }: SendGridExtras): WebApiRequest {
    return {
      method: 'POST',
      path: this.sendPath,
      headers: onBehalfOf === undefined ? this.#sendHeaders : this.headers(onBehalfOf),
      body,
    };
  }

  private accepted({ status, headers, body }: WebApiResponse, to: readonly string[]) {
    const remoteId = headers['x-message-id'];
    return {
      accepted: to,
      response: `${status} ${errorWords(body) || (this.sandbox ? 'OK' : 'Accepted')}`,
      ...(remoteId === undefined ? {} : { remoteId }),
    };
  }

  private headers(onBehalfOf = this.onBehalfOf): Record<string, string> {
    return {
      authorization: `Bearer ${this.#apiKey}`,
      accept: 'application/json',
      'user-agent': 'nestjs-mail-relay',
      'content-type': 'application/json',
      ...(onBehalfOf !== undefined && { 'on-behalf-of': onBehalfOf }),
    };
  }
}

const TOO_LARGE: SendGridLimit = { field: 'attachments', limit: 'less than 30 MB in all' };

const TOO_LARGE_PART: SendGridLimit = {
  field: 'context',
  limit: 'less than 30 MB with all that the mails share',
};

function unsupported({ field, limit }: SendGridLimit): WebApiFault {
  return cannotCarry(`SendGrid cannot carry \`${field}\` of this mail: ${limit}`);
}
