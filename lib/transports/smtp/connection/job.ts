import { onAbort } from '../../../base/on-abort.js';
import type { MailDelivery } from '../../transport.js';
import type { WireMail } from '../protocol/commands.js';

/** Where a job's abort has to go at the moment. */
export interface JobHolder {
  abandon(job: Job): void;
}

/** Makes the bytes of a mail, once, when its turn comes: until then mails in line stay small. */
export type Prepare = () => WireMail | Promise<WireMail>;

/** One mail on its way through the pool, from `deliver` to its settlement, whatever connections it sees. */
export class Job {
  /** Set once it has been prepared. */
  mail!: WireMail;
  /** How often it was taken back from a lost connection. */
  resends = 0;
  /** Its list, and its neighbours there. */
  list: unknown;
  previous: Job | undefined;
  next: Job | undefined;
  private open = true;
  private readonly forgetSignal: (() => void) | undefined;

  constructor(
    readonly prepare: Prepare,
    /** Who has it now: the pool or a connection. */
    public holder: JobHolder,
    private readonly resolveWith: (delivery: MailDelivery) => void,
    private readonly rejectWith: (error: unknown) => void,
    readonly signal: AbortSignal | undefined,
  ) {
    if (!signal) return;
    this.forgetSignal = onAbort(signal, () => {
      this.holder.abandon(this);
    });
  }

  get settled(): boolean {
    return !this.open;
  }

  resolve(delivery: MailDelivery): void {
    if (this.close()) this.resolveWith(delivery);
  }

  reject(error: unknown): void {
    if (this.close()) this.rejectWith(error);
  }

  private close(): boolean {
    if (!this.open) return false;
    this.open = false;
    this.forgetSignal?.();
    return true;
  }
}
