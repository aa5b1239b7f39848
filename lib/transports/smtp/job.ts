import type { MailDeliveryError } from '../../errors.js';
import type { MailDelivery } from '../transport.js';
import type { WireMail } from './commands.js';

/** Where a job's abort has to go at the moment. */
export interface JobHolder {
  abandon(job: Job): void;
}

/** One mail on its way through the pool, from `deliver` to its settlement, whatever connections it sees. */
export class Job {
  /** Who has it now: the queue or a connection. */
  holder: JobHolder | undefined;
  /** How often it was taken back from a lost connection. */
  resends = 0;
  /** Neighbours in the queue. */
  previous: Job | undefined;
  next: Job | undefined;
  private open = true;
  private readonly onAbort = (): void => {
    this.holder?.abandon(this);
  };

  constructor(
    readonly mail: WireMail,
    private readonly resolveWith: (delivery: MailDelivery) => void,
    private readonly rejectWith: (error: Error) => void,
    readonly signal: AbortSignal | undefined,
  ) {
    signal?.addEventListener('abort', this.onAbort);
  }

  get settled(): boolean {
    return !this.open;
  }

  resolve(delivery: MailDelivery): void {
    if (this.close()) this.resolveWith(delivery);
  }

  reject(error: MailDeliveryError): void {
    if (this.close()) this.rejectWith(error);
  }

  private close(): boolean {
    if (!this.open) return false;
    this.open = false;
    this.holder = undefined;
    this.signal?.removeEventListener('abort', this.onAbort);
    return true;
  }
}
