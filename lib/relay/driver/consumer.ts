import { clearTimeout, setTimeout } from 'node:timers';
import { createMail } from '../../message/create-mail.js';
import type { Mail } from '../../message/mail.js';
import type { MailMessage } from '../../message/message.js';
import { burial } from '../job.js';
import type { LeasedJob, LeaseRequest, MailRelay, NewJob, UnreadableJob } from '../relay.js';

let made = 0;

/** A mail that its subject, body and Message-ID tell from all others. */
export function contractMail(message: MailMessage = {}): Mail {
  made += 1;
  return createMail({
    from: 'Sender <sender@example.com>',
    to: `to-${made}@example.net`,
    subject: `Test mail ${made}`,
    text: `Body of test mail ${made}\n`,
    ...message,
  });
}

export function contractJob(mail: Mail = contractMail(), rest: Partial<NewJob> = {}): NewJob {
  return { mail, queuedAt: Date.now(), priority: 'normal', ...rest };
}

/** Asks for so many jobs, whatever their size. */
export const upTo = (max: number, maxSize = 32 * 1024 * 1024): LeaseRequest => ({ max, maxSize });

/** A client that leases, and that can wait until the driver says that there may be work. */
export class Consumer {
  /** What `take` met and could not be read. */
  readonly unreadable: UnreadableJob[] = [];
  private wake?: () => void;

  private constructor(readonly relay: MailRelay) {}

  static async of(relay: MailRelay, mailer?: string): Promise<Consumer> {
    const consumer = new Consumer(relay);
    await relay.consume({
      ...(mailer !== undefined && { mailer }),
      onWork: () => consumer.wake?.(),
    });
    return consumer;
  }

  /** Leases until `count` jobs are held. */
  async take(count: number): Promise<LeasedJob[]> {
    const jobs: LeasedJob[] = [];
    for (;;) {
      // Armed first: work that comes during the lease counts.
      const woken = new Promise<void>((resolve) => (this.wake = resolve));
      const lease = await this.relay.lease(upTo(count - jobs.length));
      jobs.push(...lease.jobs);
      this.unreadable.push(...lease.unreadable);
      if (jobs.length >= count) return jobs;
      if (lease.jobs.length > 0) continue;
      await this.pause(woken, lease.againInMs);
    }
  }

  /** As the worker does with what it could not read twice. */
  async setAsideUnreadable(): Promise<void> {
    await this.relay.settle(this.unreadable.splice(0).map((job) => burial(job, Date.now())));
  }

  private async pause(woken: Promise<void>, ms?: number): Promise<void> {
    if (ms === undefined) return woken;
    let timer: NodeJS.Timeout | undefined;
    const later = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
    await Promise.race([woken, later]);
    clearTimeout(timer);
  }
}
