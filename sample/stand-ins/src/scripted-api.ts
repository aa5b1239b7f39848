import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ScriptedApiOptions {
  /** Largest body, in bytes. Default 31,457,280 (30 MB). */
  readonly maxBytes?: number;
  /** Answers 429 beyond so many requests in a window. Default: no limit. */
  readonly rateLimit?: { readonly limit: number; readonly windowMs: number };
  /** Idle sockets are closed after so many milliseconds. Default 60,000. */
  readonly keepAliveTimeoutMs?: number;
}

/** What the next request gets instead of, or on top of, the usual answer. */
export interface ApiStep {
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

export interface ApiRequest {
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

type MutableRequest = { -readonly [K in keyof ApiRequest]: ApiRequest[K] };

/** An HTTP server that answers as `respond` says, counts its sockets, and can be told to misbehave. */
export abstract class ScriptedApi {
  readonly requests: MutableRequest[] = [];
  readonly sockets = { total: 0, open: 0 };
  private readonly server: Server;
  private readonly steps: ApiStep[] = [];
  private readonly known = new WeakMap<Socket, Pick<ApiRequest, 'socket' | 'closed'>>();
  private window = { endsAt: 0, used: 0 };

  constructor(protected readonly options: ScriptedApiOptions) {
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

  /** What a request gets; `body` is `undefined` where it is larger than `maxBytes`. */
  protected abstract respond(request: IncomingMessage, body: string | undefined): ApiAnswer;

  /** The provider's form of an error. */
  protected abstract errorBody(words: string): unknown;

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

  script(...steps: readonly ApiStep[]): void {
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
      this.answer(
        response,
        step.status,
        step.body ?? this.errorBody(statusWords(step.status)),
        step,
      );
      return;
    }
    const answer = limited
      ? { status: 429, body: this.errorBody('too many requests') }
      : this.respond(request, body);
    if (step.drop === 'after-body') return void request.socket.resetAndDestroy();
    if (step.hang === 'after-body') return;
    if (step.delayMs !== undefined) await sleep(step.delayMs);
    this.answer(response, answer.status, answer.body, {
      ...step,
      headers: { ...answer.headers, ...step.headers },
    });
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

  private answer(response: ServerResponse, status: number, body: unknown, step: ApiStep): void {
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

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
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
