import { setImmediate } from 'node:timers';
import { MailRelayError } from '../../base/errors.js';
import { serializeJob } from '../job.js';
import type { EnqueueOutcome, NewJob } from '../relay.js';
import { jobIdOf } from './job-hash.js';

/**
 * More in one step would hold Redis up, and leave it idle while the next are made; in jobs, and in
 * characters of their data.
 */
const MAX_JOBS = 16;
const MAX_SIZE = 1024 * 1024;

/** Stores jobs; the arguments are those of the script. */
export type StoreJobs = (args: readonly string[]) => Promise<readonly StoreAnswer[]>;
/** Stored; the ids and the digest of the job that had its id, '' for no digest; or Redis's refusal. */
export type StoreAnswer = 0 | readonly [id: string, messageId: string, digest: string] | string;

interface Entry {
  readonly job: NewJob;
  readonly args: readonly string[];
  readonly settle: (outcome: EnqueueOutcome) => void;
}

/** Gathers what is stored in the same moment, so that Redis is asked once. */
export class Intake {
  private entries: Entry[] = [];
  private size = 0;
  private scheduled = false;

  constructor(
    private readonly store: StoreJobs,
    /** Names Redis in errors. */
    private readonly where: string,
  ) {}

  add(job: NewJob): Promise<EnqueueOutcome> {
    const args = argumentsOf(job);
    const size = args.reduce((sum, { length }) => sum + length, 0);
    if (this.entries.length >= MAX_JOBS || this.size + size > MAX_SIZE) this.flush();
    this.size += size;
    return new Promise((settle) => {
      this.entries.push({ job, args, settle });
      if (this.scheduled) return;
      this.scheduled = true;
      setImmediate(() => {
        this.scheduled = false;
        this.flush();
      });
    });
  }

  private flush(): void {
    const entries = this.entries;
    if (entries.length === 0) return;
    this.entries = [];
    this.size = 0;
    this.store(entries.flatMap(({ args }) => args)).then(
      (answers) => entries.forEach(({ job, settle }, n) => settle(this.outcomeOf(job, answers[n]))),
      (cause: unknown) => {
        const error =
          cause instanceof MailRelayError
            ? cause
            : new MailRelayError('Redis could not be asked', { disposition: 'unknown', cause });
        for (const { settle } of entries) settle({ status: 'failed', error });
      },
    );
  }

  /** A job that Redis knew may be the same one, sent again because its first answer was lost. */
  private outcomeOf({ mail }: NewJob, answer: StoreAnswer | undefined): EnqueueOutcome {
    if (answer === undefined) {
      const error = new MailRelayError(`${this.where} did not answer for this mail`, {
        disposition: 'unknown',
      });
      return { status: 'failed', error };
    }
    if (typeof answer === 'string') {
      const words = answer.slice(0, 300);
      const error = new MailRelayError(`${this.where} refused: ${words}; nothing was stored`);
      return { status: 'failed', error };
    }
    if (answer === 0 || answer[0] === mail.id) return { status: 'stored' };
    const [id, messageId, digest] = answer;
    return { status: 'duplicate', id, messageId, ...(digest !== '' && { digest }) };
  }
}

function argumentsOf(job: NewJob): string[] {
  const { mail, mailer = '', queuedAt, notBefore = 0, priority, digest = '' } = job;
  return [
    jobIdOf(job),
    mail.id,
    mail.messageId,
    String(queuedAt),
    String(notBefore > queuedAt ? notBefore : 0),
    priority,
    mailer,
    digest,
    JSON.stringify(serializeJob(job)),
  ];
}
