import type { Mail } from '../../../message/mail.js';
import type {
  WebApiAcceptance,
  WebApiFault,
  WebApiProvider,
  WebApiRequest,
  WebApiResponse,
} from '../web-api.provider.js';
import { toSendGridBody } from './sendgrid-body.js';
import { findLimit, MAX_BODY_BYTES, type SendGridLimit } from './sendgrid-limits.js';
import { errorWords, faultOf, parseJson } from './sendgrid-response.js';

export interface SendGridProviderOptions {
  readonly apiKey: string;
  readonly baseUrl: URL;
  readonly sandbox: boolean;
}

/** SendGrid's v3 Web API (https://www.twilio.com/docs/sendgrid/api-reference/mail-send). */
export class SendGridProvider implements WebApiProvider {
  readonly name = 'sendgrid';
  readonly origin: string;
  readonly #apiKey: string;
  private readonly prefix: string;
  private readonly sandbox: boolean;

  constructor({ apiKey, baseUrl, sandbox }: SendGridProviderOptions) {
    this.#apiKey = apiKey;
    this.origin = baseUrl.origin;
    this.prefix = baseUrl.pathname.replace(/\/+$/, '');
    this.sandbox = sandbox;
  }

  request(mail: Mail): WebApiRequest | WebApiFault {
    const now = Date.now();
    const limit = findLimit(mail, now);
    if (limit) return unsupported(limit);
    const body = Buffer.from(JSON.stringify(toSendGridBody(mail, now, this.sandbox)));
    if (body.length >= MAX_BODY_BYTES) {
      return unsupported({ field: 'attachments', limit: 'less than 30 MB in all' });
    }
    return {
      method: 'POST',
      path: `${this.prefix}/v3/mail/send`,
      headers: { ...this.headers(), 'content-type': 'application/json' },
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

  private headers(): Record<string, string> {
    return {
      authorization: `Bearer ${this.#apiKey}`,
      accept: 'application/json',
      'user-agent': 'nestjs-mail-relay',
    };
  }
}

function unsupported({ field, limit }: SendGridLimit): WebApiFault {
  return {
    code: 'MAIL_UNSUPPORTED',
    disposition: 'permanent',
    fault: 'message',
    stage: 'request',
    message: `SendGrid cannot carry \`${field}\` of this mail: ${limit}`,
  };
}
