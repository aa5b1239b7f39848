import type { Job } from './job.js';

/** First in, first out; any job can be taken out at any time in constant time. */
export class JobQueue {
  size = 0;
  private first: Job | undefined;
  private last: Job | undefined;

  push(job: Job): void {
    job.previous = this.last;
    job.next = undefined;
    if (this.last) this.last.next = job;
    else this.first = job;
    this.last = job;
    this.size += 1;
  }

  /** Puts a job that had its turn before back to the head. */
  unshift(job: Job): void {
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

  remove(job: Job): void {
    if (job.previous) job.previous.next = job.next;
    else if (this.first === job) this.first = job.next;
    else return;
    if (job.next) job.next.previous = job.previous;
    else this.last = job.previous;
    job.previous = undefined;
    job.next = undefined;
    this.size -= 1;
  }
}
