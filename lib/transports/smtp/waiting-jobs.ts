import type { MailDeliveryError } from '../../errors.js';
import type { SmtpConnection } from './connection.js';
import type { SmtpErrors } from './smtp-errors.js';

export interface Job {
  /** Does the work; its success settles the job. */
  readonly start: (connection: SmtpConnection) => Promise<void>;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Work that waits for a connection: first come, first served, bounded, and gone when aborted. */
export class WaitingJobs {
  /** In order of insertion, each with what stops listening to its signal. */
  private readonly jobs = new Map<Job, () => void>();
  /** Work that was taken and came back goes first. */
  private readonly returned: Job[] = [];

  constructor(
    private readonly limit: number,
    private readonly errors: SmtpErrors,
  ) {}

  get size(): number {
    return this.jobs.size + this.returned.length;
  }

  /** Lines up, or is refused when the line is full. `straightOn` says that it will not have to wait. */
  add(job: Job, straightOn: boolean): void {
    if (!straightOn && this.size >= this.limit) {
      job.reject(this.errors.queueFull(this.limit));
      return;
    }
    const abort = () => {
      this.jobs.delete(job);
      job.reject(this.errors.aborted('queue', job.signal.reason));
    };
    job.signal.addEventListener('abort', abort, { once: true });
    this.jobs.set(job, () => {
      job.signal.removeEventListener('abort', abort);
    });
  }

  take(): Job | undefined {
    const returned = this.returned.shift();
    if (returned) return returned;
    const [next] = this.jobs;
    if (!next) return undefined;
    const [job, stopListening] = next;
    stopListening();
    this.jobs.delete(job);
    return job;
  }

  giveBack(job: Job): void {
    this.returned.push(job);
  }

  /** Fails all that wait as `error` did, each with an error of its own. */
  rejectAll(error: MailDeliveryError): void {
    for (let job = this.take(); job; job = this.take()) {
      job.reject(this.errors.again(error));
    }
  }
}
