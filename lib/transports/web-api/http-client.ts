import { setMaxListeners } from 'node:events';
import { clearTimeout, setTimeout } from 'node:timers';
import { performance } from 'node:perf_hooks';
import { Pool, type Dispatcher } from 'undici';
import { connectorOf } from './connector.js';
import { HttpExchange } from './http-exchange.js';
import { HttpFailure } from './http-failure.js';
import { onAbort } from '../../base/on-abort.js';
import { OutgoingBody, SLICE_BYTES } from './outgoing-body.js';
import { SlotQueue, type Slot, type SlotVerdict } from './slot-queue.js';
import type { Proxy } from './proxy-options.js';
import { Stop } from './stop.js';
import type { WebApiRequest, WebApiResponse } from './web-api.provider.js';

export interface HttpClientOptions {
  readonly origin: string;
  readonly connections: number;
  /** How many may wait in line, besides as many as there are connections. */
  readonly maxQueued: number;
  /** For one request, from its connection's being free to the end of the answer, in milliseconds. */
  readonly timeoutMs: number;
  /** For one connection: name, TCP and TLS, in milliseconds. */
  readonly connectMs: number;
  /** Trusted in place of the system's certificate authorities (PEM). */
  readonly ca?: readonly (string | Buffer)[];
  readonly proxy?: Proxy;
}

/** Servers close idle sockets after 5 s or more; we let go first, so that a POST seldom meets a close. */
const KEEP_ALIVE_MS = 4_000;

/**
 * A pool of keep-alive connections with one request in flight on each. It never sends a request twice
 * and says of each failed one how far it had got (`HttpFailure.started` and `sent`). How many of them
 * are used follows the answers: half after a 429 or 5xx, one more for every round without.
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
  private readonly most: number;
  private readonly running = new Set<Stop>();
  private whenIdle: (() => void)[] = [];
  private pausedUntil = 0;
  /** Tears down every socket, also one that is still connecting; undici would leave those to their timeout. */
  private readonly teardown = new AbortController();

  constructor(options: HttpClientOptions) {
    this.timeoutMs = options.timeoutMs;
    this.most = options.connections + options.maxQueued;
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
      connect: connectorOf({
        connectMs: options.connectMs,
        signal: this.teardown.signal,
        ...(options.ca && { ca: options.ca }),
        ...(options.proxy && { proxy: options.proxy }),
      }),
    });
  }

  /**
   * `make` is called when it is the request's turn, so that bodies do not pile up in line.
   * @throws HttpFailure, or what `make` throws
   */
  async request(make: () => WebApiRequest, signal?: AbortSignal): Promise<WebApiResponse> {
    if (this.running.size >= this.most) throw new HttpFailure('full');
    const stop = new Stop();
    const abort = (): void => {
      stop.cancel(new HttpFailure('aborted', signal?.reason));
    };
    if (signal?.aborted) abort();
    const stopListening = signal && onAbort(signal, abort);
    this.running.add(stop);
    try {
      const slot = this.enterNow(stop) ?? (await this.enter(stop));
      let verdict: SlotVerdict = 'neither';
      try {
        // It may have been pulled while the slot was on its way.
        if (stop.reason) throw stop.reason;
        const response = await this.exchange(make(), stop);
        verdict = response.status === 429 || response.status >= 500 ? 'slower' : 'faster';
        return response;
      } finally {
        this.slots.give(slot, verdict);
      }
    } finally {
      stopListening?.();
      this.running.delete(stop);
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
    // The pool forgets a client that once failed to connect, though that may have a connection since.
    this.teardown.abort(new Error('Closed'));
  }

  /** Aborts everything at once. */
  async destroy(reason: Error): Promise<void> {
    for (const stop of this.running) stop.cancel(new HttpFailure('aborted', reason));
    const destroyed = this.pool.destroy(reason);
    this.teardown.abort(reason);
    await destroyed;
  }

  private enterNow(stop: Stop): Slot | undefined {
    if (stop.reason || this.pausedUntil > performance.now()) return undefined;
    return this.slots.tryTake();
  }

  /** A slot outside of any pause. Waits out pauses of up to `timeoutMs` in all. */
  private async enter(stop: Stop): Promise<Slot> {
    let patience = this.timeoutMs;
    for (;;) {
      const slot = await this.slots.take(stop);
      const wait = this.pausedUntil - performance.now();
      if (wait <= 0) return slot;
      this.slots.give(slot);
      if (wait > patience) throw new HttpFailure('paused', undefined, Math.ceil(wait));
      patience -= wait;
      await sleep(wait, stop);
    }
  }

  private async exchange(request: WebApiRequest, stop: Stop): Promise<WebApiResponse> {
    const { method, path, headers, body } = request;
    const large = body && body.length > SLICE_BYTES ? new OutgoingBody(body) : undefined;
    const exchange = new HttpExchange();
    // Only now: making a large body is our own time, not the server's.
    const deadline = setTimeout(() => {
      stop.cancel(new HttpFailure('timeout'));
    }, this.timeoutMs);
    stop.listen((reason) => {
      exchange.abort(reason);
    });
    try {
      this.pool.dispatch(
        {
          method,
          path,
          headers: {
            ...headers,
            // A body that came compressed and cut short says less than a plain one.
            'accept-encoding': 'identity',
            ...(large && { 'content-length': String(large.length) }),
          },
          // undici takes any iterable; its types do not say so.
          body: (large ?? body ?? null) as Dispatcher.DispatchOptions['body'],
          idempotent: false,
        },
        exchange,
      );
      return await exchange.answer;
    } catch (error) {
      const failure = error instanceof HttpFailure ? error : HttpFailure.of(error);
      failure.started = exchange.started;
      // What is not large goes to the kernel in one piece with the head.
      failure.sent = body !== undefined && (large?.sent ?? exchange.started);
      throw failure;
    } finally {
      clearTimeout(deadline);
      stop.listen(undefined);
    }
  }
}

/** @throws the stop's reason */
function sleep(ms: number, stop: Stop): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop.listen(undefined);
      resolve();
    }, ms);
    stop.listen((reason) => {
      clearTimeout(timer);
      reject(reason);
    });
  });
}
