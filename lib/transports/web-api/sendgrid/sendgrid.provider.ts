import { MailConfigurationError } from '../../../errors.js';
import type { Mail } from '../../../message/mail.js';
import { parseJson } from '../answer.js';
import {
  cannotCarry,
  type WebApiAcceptance,
  type WebApiFault,
  type WebApiProvider,
  type WebApiRequest,
  type WebApiResponse,
} from '../web-api.provider.js';
import { toSendGridBody } from './sendgrid-body.js';
import { findLimit, MAX_BODY_BYTES, type SendGridLimit } from './sendgrid-limits.js';
import { readSendGridOptions } from './sendgrid-options.js';
import { errorWords, faultOf } from './sendgrid-response.js';

export interface SendGridProviderOptions {
  readonly apiKey: string;
  readonly baseUrl: URL;
  readonly sandbox: boolean;
  /** The subuser to send for, unless a mail names another. */
  readonly onBehalfOf?: string;
}

/** SendGrid's v3 Web API (https://www.twilio.com/docs/sendgrid/api-reference/mail-send). */
export class SendGridProvider implements WebApiProvider {
  readonly name = 'sendgrid';
  readonly origin: string;
  readonly #apiKey: string;
  private readonly prefix: string;
  private readonly sandbox: boolean;
  private readonly onBehalfOf: string | undefined;

  constructor({ apiKey, baseUrl, sandbox, onBehalfOf }: SendGridProviderOptions) {
    this.#apiKey = apiKey;
    this.origin = baseUrl.origin;
    this.prefix = baseUrl.pathname.replace(/\/+$/, '');
    this.sandbox = sandbox;
    this.onBehalfOf = onBehalfOf;
  }

  request(mail: Mail): WebApiRequest | WebApiFault {
    try {
      return this.mapped(mail);
    } catch (error) {
      if (!(error instanceof MailConfigurationError)) throw error;
      return cannotCarry(error.message);
    }
  }

  /** @throws MailConfigurationError by the mail's `providerOptions.sendgrid` */
  private mapped(mail: Mail): WebApiRequest | WebApiFault {
    const now = Date.now();
    const options = readSendGridOptions(mail, now);
    const limit = findLimit(mail, now, options);
    if (limit) return unsupported(limit);
    const body = Buffer.from(JSON.stringify(toSendGridBody(mail, now, this.sandbox, options)));
    if (body.length >= MAX_BODY_BYTES) {
      return unsupported({ field: 'attachments', limit: 'less than 30 MB in all' });
    }
    return {
      method: 'POST',
      path: `${this.prefix}/v3/mail/send`,
      headers: { ...this.headers(options.onBehalfOf), 'content-type': 'application/json' },
      body,
    };
  }

  response(answer: WebApiResponse, mail: Mail): WebApiAcceptance | WebApiFault {
    // 202 is "queued", and what the sandbox says instead is 200.
    if (answer.status !== (this.sandbox ? 200 : 202)) return faultOf(answer);
    const remoteId = answer.headers['x-message-id'];
    return {
      accepted: mail.envelope.to,
      response: `${answer.status} ${errorWords(answer.body) || (this.sandbox ? 'OK' : 'Accepted')}`,
      ...(remoteId === undefined ? {} : { remoteId }),
    };
  }

  /** Every key may ask what it may do. */
  verifyRequest(): WebApiRequest {
    return { method: 'GET', path: `${this.prefix}/v3/scopes`, headers: this.headers() };
  }

  verifyResponse(answer: WebApiResponse): WebApiFault | undefined {
    if (answer.status !== 200) return { ...faultOf(answer), disposition: 'retry', fault: 'road' };
    const { scopes } = (parseJson(answer.body) ?? {}) as { scopes?: unknown };
    if (!Array.isArray(scopes)) {
      return {
        code: 'MAIL_PROTOCOL',
        disposition: 'retry',
        fault: 'road',
        stage: 'response',
        message: 'The answer to GET /v3/scopes is not SendGrid’s',
        httpStatus: answer.status,
      };
    }
    if (scopes.includes('mail.send')) return undefined;
    return {
      code: 'MAIL_AUTH',
      disposition: 'retry',
      fault: 'road',
      stage: 'response',
      message: 'The API key lacks the scope mail.send',
      httpStatus: answer.status,
    };
  }

  redact(text: string): string {
    return text.replaceAll(this.#apiKey, '[API key]');
  }

  private headers(onBehalfOf = this.onBehalfOf): Record<string, string> {
    return {
      authorization: `Bearer ${this.#apiKey}`,
      accept: 'application/json',
      'user-agent': 'nestjs-mail-relay',
      ...(onBehalfOf !== undefined && { 'on-behalf-of': onBehalfOf }),
    };
  }
}

function unsupported({ field, limit }: SendGridLimit): WebApiFault {
  return cannotCarry(`SendGrid cannot carry \`${field}\` of this mail: ${limit}`);
}
