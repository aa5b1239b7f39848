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

/** Stores jobs; the arguments are those of the script. Returns for each 0, or the ids and the digest of the one it knew; no digest is ''. */
export type StoreJobs = (args: readonly string[]) => Promise<readonly StoreAnswer[]>;
export type StoreAnswer = 0 | readonly [id: string, messageId: string, digest: string];

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

  constructor(private readonly store: StoreJobs) {}

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
      (answers) => entries.forEach(({ job, settle }, n) => settle(outcomeOf(job, answers[n]))),
      (cause: unknown) => {
        const error =
          cause instanceof MailRelayError
            ? cause
            : new MailRelayError('Redis could not be asked', { disposition: 'unknown', cause });
        for (const { settle } of entries) settle({ status: 'failed', error });
      },
    );
  }
}

function argumentsOf(job: NewJob): string[] {
  const { mail, mailer = '', queuedAt, notBefore = 0, priority, digest = '' } = job;
  const jobId = jobIdOf(job);
  const delay = Math.max(0, notBefore - queuedAt);
  const options = {
    jobId,
    timestamp: queuedAt,
    delay,
    attempts: 1,
    removeOnComplete: true,
    removeOnFail: false,
  };
  return [
    jobId,
    mail.id,
    mail.messageId,
    JSON.stringify(options),
    String(queuedAt),
    String(delay),
    String(delay > 0 ? notBefore : 0),
    priority,
    JSON.stringify(serializeJob(job)),
    mailer,
    digest,
  ];
}

/** A job that Redis knew may be the same one, sent again because its first answer was lost. */
function outcomeOf({ mail }: NewJob, answer: StoreAnswer | undefined): EnqueueOutcome {
  if (answer === undefined) {
    const error = new MailRelayError('Redis did not answer for this mail', {
      disposition: 'unknown',
    });
    return { status: 'failed', error };
  }
  if (answer === 0 || answer[0] === mail.id) return { status: 'stored' };
  const [id, messageId, digest] = answer;
  return { status: 'duplicate', id, messageId, ...(digest !== '' && { digest }) };
}
