import type { WireMail } from './commands.js';
import type { Job } from './job.js';
import { JobQueue } from './job-queue.js';

/** Mails that wait for a connection, in order. Only those whose turn is near are prepared. */
export class Backlog {
  /** Prepared, or taken back from a connection: these go first. */
  private readonly ready = new JobQueue();
  private readonly preparing = new Set<Job>();
  private readonly waiting = new JobQueue();

  /** `prepared` is called when a mail that took its time is ready. */
  constructor(private readonly prepared: () => void) {}

  get size(): number {
    return this.ready.size + this.preparing.size + this.waiting.size;
  }

  add(job: Job): void {
    this.waiting.push(job);
  }

  /** Puts a mail that had its turn before back to the head. */
  giveBack(job: Job): void {
    this.ready.unshift(job);
  }

  /** Sees to it that `count` mails are prepared or being so. */
  prepare(count: number): void {
    while (this.ready.size + this.preparing.size < count) {
      const job = this.waiting.shift();
      if (!job) return;
      this.begin(job);
    }
  }

  get hasReady(): boolean {
    return this.ready.size > 0;
  }

  take(): Job | undefined {
    return this.ready.shift();
  }

  remove(job: Job): void {
    this.waiting.remove(job);
    this.ready.remove(job);
    this.preparing.delete(job);
  }

  /** Fails all of them, from the first on. */
  rejectAll(makeError: (place: number) => unknown): void {
    let place = 0;
    const reject = (job: Job): void => {
      job.reject(makeError(place));
      place += 1;
    };
    for (let job = this.ready.shift(); job; job = this.ready.shift()) reject(job);
    for (const job of this.preparing) reject(job);
    this.preparing.clear();
    for (let job = this.waiting.shift(); job; job = this.waiting.shift()) reject(job);
  }

  private begin(job: Job): void {
    try {
      const made = job.prepare();
      if (made instanceof Promise) this.finish(job, made);
      else this.done(job, made);
    } catch (error) {
      job.reject(error);
    }
  }

  private finish(job: Job, made: Promise<WireMail>): void {
    this.preparing.add(job);
    made
      .then(
        (mail) => {
          // Not if it was aborted meanwhile.
          if (this.preparing.delete(job)) this.done(job, mail);
        },
        (error: unknown) => {
          this.preparing.delete(job);
          job.reject(error);
        },
      )
      .finally(this.prepared);
  }

  private done(job: Job, mail: WireMail): void {
    job.mail = mail;
    this.ready.push(job);
  }
}
