import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ScriptedApi, type ApiAnswer, type ScriptedApiOptions } from './scripted-api.js';
import type { SendGridFault, SendGridMail } from './sendgrid-mail.js';
import { checkMailSend } from './sendgrid-rules.js';

export type { ApiStep as SendGridStep } from './scripted-api.js';
export type { SendGridAddress, SendGridFault, SendGridMail } from './sendgrid-mail.js';

export interface SendGridServerOptions extends ScriptedApiOptions {
  /** Default 0: a free one. Always on 127.0.0.1. */
  readonly port?: number;
  /** The one key that is let in. Default `SG.stand-in`. */
  readonly apiKey?: string;
  /** What `GET /v3/scopes` says that the key may do. Default `['mail.send']`. */
  readonly scopes?: readonly string[];
  /** Called with each mail that is taken, before its answer. */
  readonly onAccepted?: (mail: AcceptedMail) => void;
}

export interface AcceptedMail {
  /** The X-Message-Id of the answer. */
  readonly id: string;
  readonly receivedAt: Date;
  /** Checked only: SendGrid would not have sent it. */
  readonly sandbox: boolean;
  readonly mail: SendGridMail;
}

export async function startSendGridServer(
  options: SendGridServerOptions = {},
): Promise<SendGridServer> {
  const server = new SendGridServer(options);
  await server.listen(options.port ?? 0);
  return server;
}

/** A local server that checks SendGrid's rules and answers as SendGrid's v3 Web API does. */
export class SendGridServer extends ScriptedApi {
  readonly accepted: AcceptedMail[] = [];

  constructor(private readonly settings: SendGridServerOptions) {
    super(settings);
  }

  protected respond(request: IncomingMessage, body: string | undefined): ApiAnswer {
    const { headers, method } = request;
    if (headers.authorization === undefined) return reject(401, 'authorization required');
    if (headers.authorization !== `Bearer ${this.settings.apiKey ?? 'SG.stand-in'}`) {
      return reject(401, 'The provided authorization grant is invalid, expired, or revoked');
    }
    if (request.url === '/v3/scopes') {
      if (method !== 'GET') return reject(405, 'method not allowed');
      return { status: 200, body: { scopes: this.settings.scopes ?? ['mail.send'] } };
    }
    if (request.url !== '/v3/mail/send') return reject(404, 'not found');
    if (method !== 'POST') return reject(405, 'method not allowed');
    if (!(this.settings.scopes ?? ['mail.send']).includes('mail.send')) {
      return reject(403, 'access forbidden');
    }
    if (!/^application\/json(?:\s*;|$)/i.test(headers['content-type'] ?? '')) {
      return reject(415, 'Content-Type should be application/json.');
    }
    if (body === undefined) return reject(413, 'content too large');
    return this.take(body);
  }

  private take(body: string): ApiAnswer {
    let mail: unknown;
    try {
      mail = JSON.parse(body);
    } catch {
      return reject(400, 'Bad Request');
    }
    const faults = checkMailSend(mail);
    if (faults.length > 0) return { status: 400, body: { errors: faults } };
    const checked = mail as SendGridMail;
    const sandbox = checked.mail_settings?.sandbox_mode?.enable === true;
    const id = randomBytes(16).toString('base64url');
    const accepted = { id, receivedAt: new Date(), sandbox, mail: checked };
    this.accepted.push(accepted);
    this.settings.onAccepted?.(accepted);
    return sandbox
      ? { status: 200, body: '' }
      : { status: 202, body: '', headers: { 'X-Message-Id': id } };
  }

  protected errorBody(words: string): { errors: SendGridFault[] } {
    return errors(words);
  }
}

function errors(message: string): { errors: SendGridFault[] } {
  return { errors: [{ message, field: null, help: null }] };
}

function reject(status: number, message: string): ApiAnswer {
  return { status, body: errors(message) };
}
