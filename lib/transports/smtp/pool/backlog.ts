import type { WireMail } from '../protocol/commands.js';
import type { Job } from '../connection/job.js';
import { JobQueue } from './job-queue.js';

/** Mails that wait for a connection, in order. Only those whose turn is near are prepared. */
export class Backlog {
  /** Prepared, or taken back from a connection: these go first. */
  private readonly ready = new JobQueue();
  private readonly preparing = new Set<Job>();
  private readonly waiting = new JobQueue();
  /** Content of those in `ready`. */
  private bytes = 0;

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
    this.bytes += job.mail.content.length;
  }

  /** Sees to it that `count` mails are prepared or being so, as far as `bytes` of content suffice. */
  prepare(count: number, bytes: number): void {
    while (this.ready.size + this.preparing.size < count && this.bytes < bytes) {
      const job = this.waiting.shift();
      if (!job) return;
      this.begin(job);
    }
  }

  get hasReady(): boolean {
    return this.ready.size > 0;
  }

  take(): Job | undefined {
    const job = this.ready.shift();
    if (job) this.bytes -= job.mail.content.length;
    return job;
  }

  remove(job: Job): void {
    this.waiting.remove(job);
    if (job.list === this.ready) this.bytes -= job.mail.content.length;
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
    for (let job = this.take(); job; job = this.take()) reject(job);
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
    this.bytes += mail.content.length;
  }
}
