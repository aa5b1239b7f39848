import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool, type Dispatcher } from 'undici';
import { HttpFailure } from './http-failure.js';
import { onAbort } from './on-abort.js';
import { OutgoingBody } from './outgoing-body.js';
import { SlotQueue } from './slot-queue.js';
import type { WebApiRequest, WebApiResponse } from './web-api.provider.js';

export interface HttpClientOptions {
  readonly origin: string;
  readonly connections: number;
  /** For one request, from its connection's being free to the end of the answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Trusted in place of the system's certificate authorities (PEM). */
  readonly ca?: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Servers close idle sockets after 5 s or more; we let go first, so that a POST seldom meets a close. */
const KEEP_ALIVE_MS = 4_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * A pool of keep-alive connections with one request in flight on each. It never sends a request twice
 * and says of each failed one how far it had got (`HttpFailure.started` and `sent`).
 *
 * undici sends a request again by itself only where it is marked idempotent and shared a pipelined
 * connection; ours never are. A socket that the server closed while it was idle is noticed before it
 * is written to, and the request takes another one. Where the close crosses the request on the wire,
 * nobody can tell whether it was processed: it counts as sent.
 */
export class HttpClient {
  private readonly pool: Pool;
  private readonly slots: SlotQueue;
  private readonly timeoutMs: number;
  private readonly running = new Set<AbortController>();
  private whenIdle: (() => void)[] = [];
  private pausedUntil = 0;
  /** Tears down sockets that are still connecting, too; undici would leave those to their timeout. */
  private readonly teardown = new AbortController();

  constructor(options: HttpClientOptions) {
    this.timeoutMs = options.timeoutMs;
    this.slots = new SlotQueue(options.connections);
    setMaxListeners(0, this.teardown.signal);
    this.pool = new Pool(options.origin, {
      connections: options.connections,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // These start again with every byte; the deadline in request() is the absolute one.
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
      connect: {
        timeout: Math.min(CONNECT_TIMEOUT_MS, options.timeoutMs),
        signal: this.teardown.signal,
        ...(options.ca === undefined ? {} : { ca: options.ca }),
      },
    });
  }

  /**
   * `make` is called when it is the request's turn, so that bodies do not pile up in line.
   * @throws HttpFailure, or what `make` throws
   */
  async request(make: () => WebApiRequest, signal?: AbortSignal): Promise<WebApiResponse> {
    // One controller for the caller's signal, the deadline and destroy(); its reason tells which.
    const controller = new AbortController();
    const abort = (): void => {
      controller.abort(new HttpFailure('aborted', signal?.reason));
    };
    if (signal?.aborted) abort();
    const stopListening = signal && onAbort(signal, abort);
    this.running.add(controller);
    try {
      const release = await this.enter(controller.signal);
      const deadline = setTimeout(() => {
        controller.abort(new HttpFailure('timeout'));
      }, this.timeoutMs);
      try {
        return await this.exchange(make(), controller.signal);
      } finally {
        clearTimeout(deadline);
        release();
      }
    } finally {
      stopListening?.();
      this.running.delete(controller);
      if (this.running.size === 0) for (const resolve of this.whenIdle.splice(0)) resolve();
    }
  }

  /** Begins no request for `ms` milliseconds; those under way go on. */
  pause(ms: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, performance.now() + ms);
  }

  /** Waits for everything under way or in line, then closes the sockets. */
  async close(): Promise<void> {
    if (this.running.size > 0) {
      await new Promise<void>((resolve) => this.whenIdle.push(resolve));
    }
    if (!this.pool.destroyed) await this.pool.close();
  }

  /** Aborts everything at once. */
  async destroy(reason: Error): Promise<void> {
    for (const controller of this.running) controller.abort(new HttpFailure('aborted', reason));
    const destroyed = this.pool.destroy(reason);
    this.teardown.abort(reason);
    await destroyed;
  }

  /** A slot outside of any pause. Waits out pauses of up to `timeoutMs` in all. */
  private async enter(signal: AbortSignal): Promise<() => void> {
    let patience = this.timeoutMs;
    for (;;) {
      const release = await this.slots.take(signal);
      const wait = this.pausedUntil - performance.now();
      if (wait <= 0) return release;
      release();
      if (wait > patience) throw new HttpFailure('paused', undefined, Math.ceil(wait));
      patience -= wait;
      await sleep(wait, undefined, { signal }).catch(() => {
        signal.throwIfAborted();
      });
    }
  }

  private async exchange(request: WebApiRequest, signal: AbortSignal): Promise<WebApiResponse> {
    const body = request.body && new OutgoingBody(request.body);
    let answer: Dispatcher.ResponseData;
    try {
      const answering = this.pool.request({
        method: request.method,
        path: request.path,
        headers: body
          ? { ...request.headers, 'content-length': String(body.length) }
          : request.headers,
        // undici takes any iterable; its types do not say so.
        body: (body ?? null) as Dispatcher.DispatchOptions['body'],
        idempotent: false,
        signal,
      });
      answer = await Promise.race([answering, rejection(signal)]);
    } catch (error) {
      const failure = error instanceof HttpFailure ? error : HttpFailure.of(error);
      failure.started = body?.started ?? true;
      failure.sent = body?.sent ?? false;
      throw failure;
    }
    return {
      status: answer.statusCode,
      headers: flatten(answer.headers),
      body: await readAnswer(answer.body),
    };
  }
}

/**
 * Rejects with the signal's reason. undici by itself hears of an abort only once there is a connection
 * for the request; it then drops the request before the first byte.
 */
function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => {
      reject(signal.reason as HttpFailure);
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  });
}

function flatten(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}

/** The status has decided already, so an answer cut short (or too long) is read as far as it goes. */
async function readAnswer(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= MAX_ANSWER_BYTES) break;
    }
  } catch {
    // Lost, aborted or too slow after the headers.
  }
  return Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString('utf8');
}
