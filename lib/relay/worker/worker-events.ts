import { Logger } from '@nestjs/common';
import type { Clock } from '../../base/clock.js';
import type { RejectedRecipient } from '../../base/errors.js';
import type { EventBus } from '../../events/event-bus.js';
import type { MailFailureSummary } from '../../events/mail-events.js';
import { aboutMail } from '../../message/about-mail.js';
import type { Mail } from '../../message/mail.js';
import { addressesOf, refusalSummary } from '../../transports/refusal-summary.js';
import { QuietLog } from './quiet-log.js';
import type { ForeignJob, JobFailure, LeasedJob, Settlement, UnreadableJob } from '../relay.js';

/** Foreign jobs that are remembered, so that each is told once. */
const MAX_FOREIGN = 10_000;
/** Ids that one line names. */
const MAX_NAMED = 20;

/** What an attempt was told of single recipients. */
interface Told {
  readonly rejected: readonly RejectedRecipient[];
  readonly transport?: string;
}

const NOTHING: Told = { rejected: [] };

/** Tells those who listen what becomes of mails that are still in the relay. */
export class WorkerEvents {
  private readonly logger = new Logger('MailRelay');
  private readonly deadLog: QuietLog;
  private readonly foreignLog: QuietLog;
  private readonly foreigners = new Set<string>();

  constructor(
    private readonly parts: {
      readonly events: EventBus;
      readonly clock: Clock;
      readonly mailer?: string;
      readonly relay: { readonly name: string };
    },
  ) {
    const { clock, relay } = parts;
    const dead = (n: number, last: string) =>
      n === 1
        ? last
        : `${n} more mails are dead; \`npx nestjs-mail-relay dead\` lists them. The last: ${last}`;
    this.deadLog = new QuietLog(clock, dead);
    this.foreignLog = new QuietLog(
      clock,
      (n) => `${n} more in ${relay.name} that this package did not put there`,
    );
  }

  /** Nothing comes any more. */
  close(): void {
    this.deadLog.close();
    this.foreignLog.close();
  }

  /** What stands in the storage and is none of ours. */
  foreign(jobs: readonly ForeignJob[]): void {
    for (const { id, problem } of jobs) {
      if (this.foreigners.has(id)) continue;
      if (this.foreigners.size >= MAX_FOREIGN) this.foreigners.clear();
      this.foreigners.add(id);
      this.foreignLog.add(
        `${id} in ${this.parts.relay.name} is none of this package's (${problem}) and is left alone. Give the mailer a storage of its own`,
      );
    }
  }

  /** The process ends, and nothing in storage says what became of these. */
  unrecorded(ids: readonly string[]): void {
    if (ids.length === 0) return;
    const named = ids.slice(0, MAX_NAMED).join(', ');
    const more = ids.length > MAX_NAMED ? ` and ${ids.length - MAX_NAMED} more` : '';
    this.logger.error(
      `The outcomes of ${ids.length} attempts could not be recorded in ${this.parts.relay.name} before this process ended: ${named}${more}. Mail among them that was sent may be sent again; see what its storage says, above`,
    );
  }

  /** `told`: what the attempt said of single recipients, where it did. */
  settled(job: LeasedJob, settlement: Settlement, told: Told = NOTHING): void {
    const { mail } = job;
    const attempt = job.attempts + 1;
    const refused = told.rejected.filter(({ disposition }) => disposition === 'permanent');
    const gone = addressesOf(refused);
    if (settlement.outcome !== 'dead' && gone.length > 0) {
      this.failed(mail, attempt, gone, refusalSummary(told.transport ?? 'The next hop', refused));
    }
    if (settlement.outcome === 'sent') return;
    const { attempts, unknowns, failure, open = mail.envelope.to } = settlement;
    const about = { ...this.about(mail, attempt, open), attempts, unknowns, failure };
    if (settlement.outcome === 'deferred') {
      const { delayMs } = settlement;
      this.parts.events.emit('deferred', () => {
        return { type: 'deferred', ...about, transportDown: false, delayMs };
      });
      return;
    }
    const { reason } = settlement;
    this.deadLog.add(`Mail ${mail.id} is dead (${reason}): ${failure.message}`);
    this.parts.events.emit('dead', () => ({ type: 'dead', ...about, reason }));
    this.failed(mail, attempt, [...new Set([...open, ...gone])], failure);
  }

  transportDown(
    { mail, attempts, unknowns }: LeasedJob,
    delayMs: number,
    failure: JobFailure,
  ): void {
    this.parts.events.emit('deferred', () => ({
      type: 'deferred',
      ...this.about(mail, attempts + 1),
      transportDown: true,
      attempts,
      unknowns,
      delayMs,
      failure,
    }));
  }

  corrupt({ id, problem }: UnreadableJob): void {
    this.deadLog.add(`Mail ${id} is dead (corrupt): ${problem}`);
    const { clock, mailer, events } = this.parts;
    const about = {
      at: clock.now(),
      mailer,
      id,
      recipients: [],
      tags: [],
      metadata: {},
      attempt: 0,
    };
    const failure = { code: 'MAIL_RELAY', disposition: 'permanent', message: problem } as const;
    events.emit('dead', () => {
      return { type: 'dead', ...about, reason: 'corrupt', attempts: 0, unknowns: 0, failure };
    });
    events.emit('failed', () => ({ type: 'failed', ...about, failure }));
  }

  /** Nobody tries again for these recipients. */
  private failed(
    mail: Mail,
    attempt: number,
    recipients: readonly string[],
    failure: MailFailureSummary,
  ): void {
    this.parts.events.emit('failed', () => {
      return { type: 'failed', ...this.about(mail, attempt, recipients), failure };
    });
  }

  private about(mail: Mail, attempt: number, recipients?: readonly string[]) {
    const { clock, mailer } = this.parts;
    return { at: clock.now(), mailer, ...aboutMail(mail, attempt, recipients) };
  }
}
