import type { Job } from '../connection/job.js';

/** First in, first out; any job can be taken out at any time in constant time. */
export class JobQueue {
  size = 0;
  private first: Job | undefined;
  private last: Job | undefined;

  push(job: Job): void {
    job.list = this;
    job.previous = this.last;
    job.next = undefined;
    if (this.last) this.last.next = job;
    else this.first = job;
    this.last = job;
    this.size += 1;
  }

  /** Puts a job that had its turn before back to the head. */
  unshift(job: Job): void {
    job.list = this;
    job.next = this.first;
    job.previous = undefined;
    if (this.first) this.first.previous = job;
    else this.last = job;
    this.first = job;
    this.size += 1;
  }

  shift(): Job | undefined {
    const job = this.first;
    if (job) this.remove(job);
    return job;
  }

  /** Nothing happens if it is not here. */
  remove(job: Job): void {
    if (job.list !== this) return;
    job.list = undefined;
    if (job.previous) job.previous.next = job.next;
    else this.first = job.next;
    if (job.next) job.next.previous = job.previous;
    else this.last = job.previous;
    job.previous = undefined;
    job.next = undefined;
    this.size -= 1;
  }
}
