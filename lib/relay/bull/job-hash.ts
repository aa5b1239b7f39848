import { createHash } from 'node:crypto';
import { bornAt, parseJob, narrowTo, parseFailure } from '../job.js';
import {
  RELAY_PRIORITIES,
  type DeadReason,
  type JobState,
  type JobSummary,
  type LeasedJob,
  type NewJob,
} from '../relay.js';

const REASONS: readonly DeadReason[] = ['permanent', 'expired', 'held', 'corrupt'];

/** The name of the job in Redis: made of the idempotency key, so that Redis itself takes it once. */
export function jobIdOf({ mail, idempotencyKey }: NewJob): string {
  if (idempotencyKey === undefined) return mail.id;
  return `key-${createHash('sha256').update(idempotencyKey).digest('base64url')}`;
}

/** A job out of the hands of Redis. @throws Error that says what is wrong with it. */
export function readJob(
  jobId: string,
  fields: Readonly<Record<'data' | 'attempts' | 'unknowns' | 'bornAt' | 'open', string>>,
): { readonly leased: LeasedJob; readonly job: NewJob } {
  if (fields.data === '') throw new TypeError('The job has no data');
  const job = parseJob(fields.data);
  if (jobIdOf(job) !== jobId) throw new TypeError('The job holds the mail of another');
  const open = fields.open === '' ? undefined : readOpen(fields.open);
  const mail = narrowTo(job.mail, open);
  const leased = {
    mail,
    attempts: readCount(fields.attempts),
    unknowns: readCount(fields.unknowns),
    bornAt: fields.bornAt === '' ? bornAt(job) : readCount(fields.bornAt),
    size: fields.data.length,
  };
  return { leased, job };
}

function readOpen(json: string): readonly string[] {
  const open: unknown = JSON.parse(json);
  if (Array.isArray(open) && open.every((one): one is string => typeof one === 'string')) {
    return open;
  }
  throw new TypeError('The recipients still open are no list of addresses');
}

/** A hash may be written by hand: what is no number counts as none. */
function readCount(text: string): number {
  const number = Number(text);
  return Number.isSafeInteger(number) && number >= 0 ? number : 0;
}

/** Fields of a job's hash that a summary is made of, in the order that `summaryOf` takes them. */
export const SUMMARY_FIELDS = [
  'name',
  'relay:messageId',
  'relay:class',
  'relay:attempts',
  'timestamp',
  'relay:reason',
  'relay:failure',
  'relay:mailer',
  'relay:unknowns',
] as const;

export function summaryOf(
  jobId: string,
  state: JobState,
  values: readonly string[],
  dueAt?: number,
): JobSummary {
  const [name, messageId, priority, attempts, timestamp, reason, failure, mailer, unknowns] =
    values;
  const parsed = parseFailure(failure);
  const dead = REASONS.find((one) => one === reason);
  return {
    id: name || jobId,
    messageId: messageId ?? '',
    ...(mailer && { mailer }),
    state,
    priority: RELAY_PRIORITIES.find((one) => one === priority) ?? 'normal',
    attempts: readCount(attempts ?? ''),
    unknowns: readCount(unknowns ?? ''),
    queuedAt: readCount(timestamp ?? ''),
    ...(dueAt !== undefined && { dueAt }),
    ...(state === 'dead' && { reason: dead ?? 'held' }),
    ...(parsed && { failure: parsed }),
  };
}
