import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { checkEmail, type PostmarkFault, type PostmarkMail } from './postmark-rules.js';
import { ScriptedApi, type ApiAnswer, type ScriptedApiOptions } from './scripted-api.js';

export interface PostmarkServerOptions extends ScriptedApiOptions {
  /** Default 0: a free one. Always on 127.0.0.1. */
  readonly port?: number;
  /** The one server token that is let in. Default `postmark-stand-in`. */
  readonly apiKey?: string;
  /** Recipients that bounced before: nothing is sent to them. */
  readonly inactive?: readonly string[];
}

export interface AcceptedPostmarkMail {
  /** The MessageID of the answer. */
  readonly id: string;
  readonly mail: PostmarkMail;
}

const MAX_BATCH = 500;

export async function startPostmarkServer(
  options: PostmarkServerOptions = {},
): Promise<PostmarkServer> {
  const server = new PostmarkServer(options);
  await server.listen(options.port ?? 0);
  return server;
}

/** A local server that checks Postmark's rules and answers as Postmark's email API does. */
export class PostmarkServer extends ScriptedApi {
  readonly accepted: AcceptedPostmarkMail[] = [];

  constructor(private readonly settings: PostmarkServerOptions) {
    super({ maxBytes: 50 * 1024 * 1024, ...settings });
  }

  protected respond(request: IncomingMessage, body: string | undefined): ApiAnswer {
    const { headers, method, url } = request;
    const token = headers['x-postmark-server-token'];
    if (token !== (this.settings.apiKey ?? 'postmark-stand-in')) {
      return fail(401, 10, 'Request does not contain a valid Server token.');
    }
    if (url === '/server' && method === 'GET') {
      return { status: 200, body: { ID: 1, Name: 'Stand-in', DeliveryType: 'Live' } };
    }
    if (url !== '/email' && url !== '/email/batch') return fail(404, 0, 'Not found');
    if (method !== 'POST') return fail(405, 0, 'Method not allowed');
    if (!/^application\/json(?:\s*;|$)/i.test(headers['content-type'] ?? '')) {
      return fail(415, 409, 'The Content-Type must be application/json.');
    }
    if (body === undefined || (url === '/email' && body.length > 10 * 1024 * 1024)) {
      return fail(413, 300, 'Payload too large');
    }
    let parsed: unknown;
    try {
      parsed = JSON.parse(body);
    } catch {
      return fail(422, 402, 'Received invalid JSON input.');
    }
    return url === '/email' ? this.single(parsed) : this.batch(parsed);
  }

  protected errorBody(words: string): PostmarkFault {
    return { ErrorCode: 0, Message: words };
  }

  private single(mail: unknown): ApiAnswer {
    const answer = this.take(mail);
    return { status: answer.ErrorCode === 0 ? 200 : 422, body: answer };
  }

  private batch(mails: unknown): ApiAnswer {
    if (!Array.isArray(mails)) return fail(422, 403, 'Incompatible JSON');
    if (mails.length > MAX_BATCH) {
      return fail(422, 410, `No more than ${MAX_BATCH} messages per batch`);
    }
    return { status: 200, body: mails.map((mail) => this.take(mail)) };
  }

  private take(value: unknown): PostmarkFault {
    const checked = checkEmail(value);
    if ('ErrorCode' in checked) return checked;
    const { mail, recipients } = checked;
    const inactive = recipients.filter((one) => this.settings.inactive?.includes(one));
    if (inactive.length === recipients.length) {
      return {
        ErrorCode: 406,
        Message: `You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: ${inactive.join(', ')}. Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression.`,
      };
    }
    const id = randomUUID();
    this.accepted.push({ id, mail });
    const but = `, but will not deliver to these inactive addresses: ${inactive.join(', ')}`;
    return {
      ErrorCode: 0,
      Message: inactive.length === 0 ? 'OK' : `Message OK${but}`,
      MessageID: id,
      SubmittedAt: new Date().toISOString(),
      To: mail.To,
    };
  }
}

function fail(status: number, ErrorCode: number, Message: string): ApiAnswer {
  return { status, body: { ErrorCode, Message } };
}
