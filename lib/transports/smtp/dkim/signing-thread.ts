import { Worker } from 'node:worker_threads';
import { CallThread, ThreadEndedError } from '../../../base/call-thread.js';
import type { SmtpErrors } from '../protocol/smtp-errors.js';
import type { SmtpDkimOptions } from './dkim.options.js';
import { type DkimSigner, dkimSigner } from './signature.js';

/** Signs with DKIM in a thread of its own: a signature takes longer than all else that is done for a mail. */
export class SigningThread {
  private readonly calls: CallThread<Uint8Array, string, string>;
  private closed = false;
  /** Signs in this thread where there is no file to start another from: the app is bundled into one. */
  private here: DkimSigner | undefined;

  constructor(
    private readonly options: SmtpDkimOptions,
    private readonly errors: SmtpErrors,
  ) {
    const start = () =>
      new Worker(new URL('./dkim-thread.js', import.meta.url), {
        workerData: options,
        name: 'mail DKIM',
        // The app's own loaders and hooks have nothing to do in it.
        execArgv: [],
      });
    this.calls = new CallThread(start, (fault) => new Error(fault));
  }

  /**
   * The mail behind its signature.
   * @throws MailDeliveryError MAIL_DKIM, to be tried again, when the thread broke down.
   */
  async sign(mail: Buffer): Promise<Buffer> {
    if (this.closed) throw this.errors.unsigned();
    if (this.here) return signed(this.here(mail), mail);
    // A copy to give away: what the mail's own bytes are cut from would be sent along whole.
    const copy = new Uint8Array(mail);
    try {
      return signed(await this.calls.call(copy, [copy.buffer]), mail);
    } catch (error) {
      if (!(error instanceof ThreadEndedError)) throw error;
      if (!error.isFileMissing) throw this.errors.unsigned(error.cause);
      this.here ??= dkimSigner(this.options);
      return this.sign(mail);
    }
  }

  /** Ends the thread. Mails that still wait for it are not signed. Idempotent. */
  async close(): Promise<void> {
    this.closed = true;
    await this.calls.terminate();
  }
}

function signed(field: string, mail: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${field}\r\n`, 'latin1'), mail]);
}
