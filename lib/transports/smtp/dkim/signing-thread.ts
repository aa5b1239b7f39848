import { Worker } from 'node:worker_threads';
import type { SmtpErrors } from '../protocol/smtp-errors.js';
import type { SmtpDkimOptions } from './dkim.options.js';
import { type DkimSigner, dkimSigner } from './signature.js';

export interface SignRequest {
  readonly n: number;
  readonly mail: Uint8Array;
}

/** The DKIM-Signature field, or why there is none. */
export interface SignAnswer {
  readonly n: number;
  readonly field?: string;
  readonly fault?: string;
}

interface Waiting {
  readonly mail: Buffer;
  readonly resolve: (signed: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Signs with DKIM in a thread of its own: a signature takes longer than all else that is done for a
 * mail. The thread starts with the first mail; when it breaks down, with the next one again.
 */
export class SigningThread {
  private thread: Worker | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private n = 0;
  private closed = false;
  /** Signs in this thread where there is no file to start another from: the app is bundled into one. */
  private here: DkimSigner | undefined;

  constructor(
    private readonly options: SmtpDkimOptions,
    private readonly errors: SmtpErrors,
  ) {}

  /**
   * The mail behind its signature.
   * @throws MailDeliveryError MAIL_DKIM, to be tried again, when the thread broke down.
   */
  sign(mail: Buffer): Promise<Buffer> {
    if (this.closed) return Promise.reject(this.errors.unsigned());
    return new Promise((resolve, reject) => {
      if (this.here) {
        resolve(signed(this.here(mail), mail));
        return;
      }
      const thread = (this.thread ??= this.start());
      this.n += 1;
      this.waiting.set(this.n, { mail, resolve, reject });
      // The thread keeps the process alive as long as an answer is due, not longer.
      if (this.waiting.size === 1) thread.ref();
      // A copy to give away: what the mail's own bytes are cut from would be sent along whole.
      const copy = new Uint8Array(mail);
      const request: SignRequest = { n: this.n, mail: copy };
      thread.postMessage(request, [copy.buffer]);
    });
  }

  /** Ends the thread. Mails that still wait for it are not signed. Idempotent. */
  async close(): Promise<void> {
    this.closed = true;
    await this.thread?.terminate();
  }

  private start(): Worker {
    const thread = new Worker(new URL('./dkim-thread.js', import.meta.url), {
      workerData: this.options,
      name: 'mail DKIM',
      // The app's own loaders and hooks have nothing to do in it.
      execArgv: [],
    });
    thread.unref();
    let reason: unknown;
    thread.on('message', (answer: SignAnswer) => {
      this.settle(answer);
    });
    thread.on('error', (error) => (reason = error));
    thread.on('exit', () => {
      if (this.thread === thread) this.thread = undefined;
      this.failAll(reason);
    });
    return thread;
  }

  private settle({ n, field, fault }: SignAnswer): void {
    const one = this.waiting.get(n);
    this.waiting.delete(n);
    if (this.waiting.size === 0) this.thread?.unref();
    if (field === undefined) one?.reject(new Error(fault));
    else one?.resolve(signed(field, one.mail));
  }

  private failAll(cause: unknown): void {
    const left = [...this.waiting.values()];
    this.waiting.clear();
    if (isMissingFile(cause)) this.here = dkimSigner(this.options);
    for (const { mail, resolve, reject } of left) {
      if (this.here) this.sign(mail).then(resolve, reject);
      else reject(this.errors.unsigned(cause));
    }
  }
}

function signed(field: string, mail: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${field}\r\n`, 'latin1'), mail]);
}

function isMissingFile(cause: unknown): boolean {
  const { code } = (cause ?? {}) as { code?: unknown };
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND';
}
