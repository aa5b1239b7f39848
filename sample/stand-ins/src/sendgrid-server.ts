import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SendGridFault, SendGridMail } from './sendgrid-mail.js';
import { checkMailSend } from './sendgrid-rules.js';

export type { SendGridAddress, SendGridFault, SendGridMail } from './sendgrid-mail.js';

export interface SendGridServerOptions {
  /** Default 0: a free one. Always on 127.0.0.1. */
  readonly port?: number;
  /** The one key that is let in. Default `SG.stand-in`. */
  readonly apiKey?: string;
  /** What `GET /v3/scopes` says that the key may do. Default `['mail.send']`. */
  readonly scopes?: readonly string[];
  /** Largest body, in bytes. Default 31,457,280 (SendGrid's 30 MB). */
  readonly maxBytes?: number;
  /** Answers 429 beyond so many requests in a window. Default: no limit. */
  readonly rateLimit?: { readonly limit: number; readonly windowMs: number };
  /** Idle sockets are closed after so many milliseconds. Default 60,000. */
  readonly keepAliveTimeoutMs?: number;
  /** Called with each mail that is taken, before its answer. */
  readonly onAccepted?: (mail: AcceptedMail) => void;
}

/** What the next request gets instead of, or on top of, the usual answer. */
export interface SendGridStep {
  /** Answers this and takes nothing. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
  /** Waits before the answer, in milliseconds. The mail is taken first. */
  readonly delayMs?: number;
  /**
   * Resets the connection. `before-body`: without reading the body; `after-body`: the mail is taken,
   * its answer is lost; `in-response`: after the status line and headers of the answer.
   */
  readonly drop?: 'before-body' | 'after-body' | 'in-response';
  /** Never answers. `before-body` does not read the body either; after it the mail is taken. */
  readonly hang?: 'before-body' | 'after-body';
}

export interface SendGridRequest {
  readonly method: string;
  readonly path: string;
  readonly rawHeaders: readonly string[];
  /** Number of the socket that carried it, from 1. */
  readonly socket: number;
  /** The body as it came; empty until it is complete. */
  readonly body: string;
  /** Resolves once the socket that carried it is closed. */
  readonly closed: Promise<unknown>;
}

export interface AcceptedMail {
  /** The X-Message-Id of the answer. */
  readonly id: string;
  readonly receivedAt: Date;
  /** Checked only: SendGrid would not have sent it. */
  readonly sandbox: boolean;
  readonly mail: SendGridMail;
}

/** A local server that checks SendGrid's rules and answers as SendGrid's v3 Web API does. */
export interface SendGridServer {
  readonly url: string;
  readonly port: number;
  readonly accepted: readonly AcceptedMail[];
  readonly requests: readonly SendGridRequest[];
  /** Sockets ever opened, and those open now. */
  readonly sockets: { readonly total: number; readonly open: number };
  /** Each step changes the answer to one request, in order. */
  script(...steps: readonly SendGridStep[]): void;
  /** Resolves once so many requests have begun to arrive. */
  waitForRequests(count: number): Promise<void>;
  /** Resolves once no more than so many sockets are open. */
  waitForSockets(atMost: number): Promise<void>;
  /** Closes the sockets on which no request is under way, as servers do after a while. */
  closeIdle(): void;
  close(): Promise<void>;
}

export async function startSendGridServer(
  options: SendGridServerOptions = {},
): Promise<SendGridServer> {
  const server = new StandIn(options);
  await server.listen(options.port ?? 0);
  return server;
}

type MutableRequest = { -readonly [K in keyof SendGridRequest]: SendGridRequest[K] };

class StandIn implements SendGridServer {
  readonly accepted: AcceptedMail[] = [];
  readonly requests: MutableRequest[] = [];
  readonly sockets = { total: 0, open: 0 };
  private readonly server: Server;
  private readonly steps: SendGridStep[] = [];
  private readonly known = new WeakMap<Socket, Pick<SendGridRequest, 'socket' | 'closed'>>();
  private window = { endsAt: 0, used: 0 };

  constructor(private readonly options: SendGridServerOptions) {
    this.server = createServer({ keepAliveTimeout: options.keepAliveTimeoutMs ?? 60_000 });
    this.server.on('connection', (socket) => {
      const closed = new Promise((resolve) => socket.once('close', resolve));
      this.known.set(socket, { socket: ++this.sockets.total, closed });
      this.sockets.open += 1;
      socket.on('close', () => {
        this.sockets.open -= 1;
        this.server.emit('socket closed');
      });
    });
    this.server.on('request', (request, response) => {
      // A client that goes away in the middle is its own affair.
      this.handle(request, response).catch(() => request.socket.destroy());
    });
  }

  async listen(port: number): Promise<void> {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  script(...steps: readonly SendGridStep[]): void {
    this.steps.push(...steps);
  }

  async waitForRequests(count: number): Promise<void> {
    while (this.requests.length < count) await once(this.server, 'request');
  }

  async waitForSockets(atMost: number): Promise<void> {
    while (this.sockets.open > atMost) await once(this.server, 'socket closed');
  }

  closeIdle(): void {
    this.server.closeIdleConnections();
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const entry: MutableRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      rawHeaders: request.rawHeaders,
      body: '',
      ...this.known.get(request.socket)!,
    };
    this.requests.push(entry);
    const step = this.steps.shift() ?? {};
    if (step.drop === 'before-body') return void request.socket.resetAndDestroy();
    if (step.hang === 'before-body') return void request.pause();

    const limited = this.countRequest(response);
    const body = await readBody(request, this.options.maxBytes ?? 30 * 1024 * 1024);
    entry.body = body ?? '';
    if (step.status !== undefined) {
      if (step.delayMs !== undefined) await sleep(step.delayMs);
      this.answer(response, step.status, step.body ?? errors(statusWords(step.status)), step);
      return;
    }
    const answer = limited ? reject(429, 'too many requests') : this.route(request, body);
    if (step.drop === 'after-body') return void request.socket.resetAndDestroy();
    if (step.hang === 'after-body') return;
    if (step.delayMs !== undefined) await sleep(step.delayMs);
    this.answer(response, answer.status, answer.body, {
      ...step,
      headers: { ...answer.headers, ...step.headers },
    });
  }

  private route(request: IncomingMessage, body: string | undefined): Answer {
    const { headers, method } = request;
    if (headers.authorization === undefined) return reject(401, 'authorization required');
    if (headers.authorization !== `Bearer ${this.options.apiKey ?? 'SG.stand-in'}`) {
      return reject(401, 'The provided authorization grant is invalid, expired, or revoked');
    }
    if (request.url === '/v3/scopes') {
      if (method !== 'GET') return reject(405, 'method not allowed');
      return { status: 200, body: { scopes: this.options.scopes ?? ['mail.send'] } };
    }
    if (request.url !== '/v3/mail/send') return reject(404, 'not found');
    if (method !== 'POST') return reject(405, 'method not allowed');
    if (!(this.options.scopes ?? ['mail.send']).includes('mail.send')) {
      return reject(403, 'access forbidden');
    }
    if (!/^application\/json(?:\s*;|$)/i.test(headers['content-type'] ?? '')) {
      return reject(415, 'Content-Type should be application/json.');
    }
    if (body === undefined) return reject(413, 'content too large');
    return this.take(body);
  }

  private take(body: string): Answer {
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
    this.options.onAccepted?.(accepted);
    return sandbox
      ? { status: 200, body: '' }
      : { status: 202, body: '', headers: { 'X-Message-Id': id } };
  }

  /** Sets the X-RateLimit headers; true when the window is used up. */
  private countRequest(response: ServerResponse): boolean {
    const rate = this.options.rateLimit;
    const limit = rate?.limit ?? 10_000;
    const now = Date.now();
    if (now >= this.window.endsAt) {
      // Reset is told in whole seconds, so windows end on whole seconds.
      const end = Math.ceil((now + (rate?.windowMs ?? 60_000)) / 1000) * 1000;
      this.window = { endsAt: end, used: 0 };
    }
    this.window.used += 1;
    response.setHeader('X-RateLimit-Limit', limit);
    response.setHeader('X-RateLimit-Remaining', Math.max(0, limit - this.window.used));
    response.setHeader('X-RateLimit-Reset', this.window.endsAt / 1000);
    return rate !== undefined && this.window.used > limit;
  }

  private answer(
    response: ServerResponse,
    status: number,
    body: unknown,
    step: SendGridStep,
  ): void {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, {
      'Content-Type': text === '' ? 'text/plain; charset=utf-8' : 'application/json',
      'Content-Length': Buffer.byteLength(text) + (step.drop === 'in-response' ? 1 : 0),
      ...step.headers,
    });
    if (step.drop === 'in-response') {
      response.write(text || '{');
      response.socket?.end();
      return;
    }
    response.end(text);
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function errors(message: string): { errors: SendGridFault[] } {
  return { errors: [{ message, field: null, help: null }] };
}

function reject(status: number, message: string): Answer {
  return { status, body: errors(message) };
}

function statusWords(status: number): string {
  if (status === 429) return 'too many requests';
  return status >= 500 ? 'internal server error' : 'bad request';
}

/** The whole body, or `undefined` where it is larger than `maxBytes` (the rest is read and dropped). */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
  }
  return size <= maxBytes ? Buffer.concat(chunks).toString('utf8') : undefined;
}
