import { decodeContent } from './content-coding.js';
import type { WebApiResponse } from './web-api.provider.js';

/** Postmark answers 500 mails in about 100 KiB. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** What we use of undici's; the built types name no package of ours. */
interface Controller {
  abort(reason: Error): void;
}

/**
 * One request and its answer, on undici's lowest floor: its `request()` would make a stream for every
 * answer, which for an empty one costs more than all the rest of it.
 */
export class HttpExchange {
  readonly answer: Promise<WebApiResponse>;
  /** A connection was there and the request began to go out. */
  started = false;
  private resolve!: (answer: WebApiResponse) => void;
  private reject!: (reason: Error) => void;
  private controller: Controller | undefined;
  private aborted: Error | undefined;
  private head: Pick<WebApiResponse, 'status' | 'headers'> | undefined;
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private finished = false;

  constructor() {
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Ends it now; before there is a connection, the request then never goes out. */
  abort(reason: Error): void {
    this.aborted ??= reason;
    if (this.head) this.finish();
    else this.reject(reason);
    this.controller?.abort(reason);
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller;
    if (this.aborted) controller.abort(this.aborted);
    else this.started = true;
  }

  onResponseStart(
    _: Controller,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // 1xx: the answer is yet to come.
    if (status >= 200) this.head = { status, headers: flatten(headers) };
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
    if (this.size < MAX_ANSWER_BYTES) return;
    this.finish();
    controller.abort(new Error('The answer is longer than it is read'));
  }

  onResponseEnd(): void {
    this.finish();
  }

  /** The status has decided already, so an answer cut short is taken as far as it goes. */
  onResponseError(_: Controller | undefined, error: Error): void {
    if (this.head) this.finish();
    else this.reject(error);
  }

  private finish(): void {
    const { head, size } = this;
    if (!head || this.finished) return;
    this.finished = true;
    if (size === 0) {
      this.resolve({ ...head, body: '' });
      return;
    }
    const bytes = Buffer.concat(this.chunks).subarray(0, MAX_ANSWER_BYTES);
    const coding = head.headers['content-encoding'];
    if (coding === undefined) {
      this.resolve({ ...head, body: bytes.toString('utf8') });
      return;
    }
    void decodeContent(bytes, coding, MAX_ANSWER_BYTES).then((decoded) => {
      this.resolve({ ...head, body: decoded.toString('utf8') });
    });
  }
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
