import { MAIL_ERROR_CODES, MailDeliveryError, type MailError } from '../base/errors.js';
import { parseMail } from '../message/mail-json.js';
import type { Mail } from '../message/mail.js';
import { wellFormed } from '../message/text.js';
import {
  RELAY_PRIORITIES,
  type JobFailure,
  type NewJob,
  type RelayPriority,
  type Settlement,
  type UnreadableJob,
} from './relay.js';

type DeadSettlement = Extract<Settlement, { readonly outcome: 'dead' }>;

/**
 * The version of the stored form that this package writes. It reads all versions up to this one. A field
 * that an older release may leave unread, such as `mailer`, needs no new version.
 */
export const JOB_VERSION = 1;

/**
 * The stored form of a job: plain data that `JSON.stringify` takes through any storage. It holds what was
 * accepted and never changes; what happens to the job afterwards is the driver's to keep.
 */
export interface StoredJob {
  readonly v: typeof JOB_VERSION;
  /** Empty for the unnamed mailer; absent in jobs of a release that stored none, which are anybody's. */
  readonly mailer?: string;
  readonly queuedAt: number;
  readonly notBefore?: number;
  readonly priority: RelayPriority;
  readonly key?: string;
  readonly digest?: string;
  readonly mail: Mail;
}

const MAX_PROBLEM_LENGTH = 500;

export function serializeJob(job: NewJob): StoredJob {
  const { mail, mailer = '', queuedAt, notBefore, priority, idempotencyKey: key, digest } = job;
  return { v: JOB_VERSION, mailer, queuedAt, notBefore, priority, key, digest, mail };
}

/**
 * A job out of its stored form, as text or parsed. Everything is checked as if a stranger had written
 * it, since a queue may be written by hand.
 * @throws Error that says what is wrong with it; see `problemOf`.
 */
export function parseJob(json: unknown): NewJob {
  const stored: unknown = typeof json === 'string' ? JSON.parse(json) : json;
  if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) {
    throw new TypeError('A stored job is an object');
  }
  const field = (name: string): unknown =>
    Object.hasOwn(stored, name) ? (stored as Record<string, unknown>)[name] : undefined;
  const version = field('v');
  if (version !== JOB_VERSION) {
    const newer = typeof version === 'number' && version > JOB_VERSION;
    throw new TypeError(
      newer
        ? `The job has version ${version}, written by a newer release; this one reads up to ${JOB_VERSION}`
        : 'The job has no version that this release knows',
    );
  }
  const priority = RELAY_PRIORITIES.find((one) => one === field('priority'));
  if (!priority) throw new TypeError('`priority` is none of high, normal, low');
  const notBefore = field('notBefore');
  const text = (name: string): string | undefined => {
    const value = field(name);
    if (value === undefined || typeof value === 'string') return value;
    throw new TypeError(`\`${name}\` is no string`);
  };
  const [mailer, key, digest] = [text('mailer'), text('key'), text('digest')];
  return {
    mail: parseMail(field('mail')),
    ...(mailer !== undefined && { mailer }),
    queuedAt: readTime('queuedAt', field('queuedAt')),
    ...(notBefore !== undefined && { notBefore: readTime('notBefore', notBefore) }),
    priority,
    ...(key !== undefined && { idempotencyKey: key }),
    ...(digest !== undefined && { digest }),
  };
}

function readTime(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw new TypeError(`\`${name}\` is no time in milliseconds since the Unix epoch`);
}

/** How many of these sizes one lease takes within `maxSize`: at least the first, then as many as fit. */
export function countFitting(sizes: readonly number[], maxSize: number): number {
  let left = maxSize;
  const end = sizes.findIndex((size, index) => (left -= size) < 0 && index > 0);
  return end === -1 ? sizes.length : end;
}

/** From when the job's lifetime counts, in milliseconds since the Unix epoch. */
export function bornAt({ queuedAt, notBefore }: Pick<NewJob, 'queuedAt' | 'notBefore'>): number {
  return Math.max(queuedAt, notBefore ?? 0);
}

/**
 * The mail for the recipients still open; its headers stay as they were. What storage calls open and
 * the mail never knew is left out.
 * @throws Error when no recipient is left.
 */
export function narrowTo(mail: Mail, open: readonly string[] | undefined): Mail {
  if (!open) return mail;
  const wanted = new Set(open);
  const to = mail.envelope.to.filter((address) => wanted.has(address));
  if (to.length === 0) throw new TypeError('None of the open recipients is one of the mail');
  const envelope = Object.freeze({ from: mail.envelope.from, to: Object.freeze(to) });
  return Object.freeze({ ...mail, envelope });
}

/** Short enough to store and list. Half a surrogate pair, cut here or given, is no text to every storage. */
function brief(text: string): string {
  return wellFormed(text.slice(0, MAX_PROBLEM_LENGTH));
}

/** What is wrong with a job that could not be read. */
export function problemOf(error: unknown): string {
  return brief(error instanceof Error ? error.message : String(error));
}

/** The end of a job that could not be read; `at` in milliseconds since the Unix epoch. */
export function burial({ id, problem: message }: UnreadableJob, at: number): DeadSettlement {
  const failure: JobFailure = { code: 'MAIL_RELAY', disposition: 'permanent', message, at };
  return { id, outcome: 'dead', reason: 'corrupt', attempts: 0, unknowns: 0, failure };
}

/** An error as it is stored beside a job; `now` in milliseconds since the Unix epoch. */
export function failureOf(error: MailError, now: number): JobFailure {
  const { code, disposition, message } = error;
  const { transport, response } = error instanceof MailDeliveryError ? error : {};
  return {
    code,
    disposition,
    message: brief(message),
    ...(transport !== undefined && { transport }),
    ...(response !== undefined && { response: brief(response) }),
    at: now,
  };
}

/**
 * A failure out of its stored form, or nothing where it cannot be read. A release before this one called
 * the transport `road`.
 */
export function parseFailure(json: unknown): JobFailure | undefined {
  if (typeof json !== 'string' || json === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { road, ...fields } = value as Record<string, unknown>;
  const failure = { ...(typeof road === 'string' && { transport: road }), ...fields };
  return isFailure(failure) ? failure : undefined;
}

function isFailure(value: object): value is JobFailure {
  const { code, message, at } = value as Partial<Record<keyof JobFailure, unknown>>;
  const known = typeof code === 'string' && Object.hasOwn(MAIL_ERROR_CODES, code);
  return known && typeof message === 'string' && typeof at === 'number';
}
