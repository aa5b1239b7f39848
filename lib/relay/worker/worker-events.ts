import type { Clock } from '../../base/clock.js';
import type { RejectedRecipient } from '../../base/errors.js';
import type { EventBus } from '../../events/event-bus.js';
import type { MailFailureSummary } from '../../events/mail-events.js';
import { aboutMail } from '../../message/about-mail.js';
import type { Mail } from '../../message/mail.js';
import { addressesOf, refusalSummary } from '../../transports/refusal-summary.js';
import { DeadLog } from './dead-log.js';
import type { JobFailure, LeasedJob, Settlement, UnreadableJob } from '../relay.js';

/** What an attempt was told of single recipients. */
interface Told {
  readonly rejected: readonly RejectedRecipient[];
  readonly transport?: string;
}

const NOTHING: Told = { rejected: [] };

/** Tells those who listen what becomes of mails that are still in the relay. */
export class WorkerEvents {
  private readonly deadLog: DeadLog;

  constructor(
    private readonly parts: {
      readonly events: EventBus;
      readonly clock: Clock;
      readonly mailer?: string;
    },
  ) {
    this.deadLog = new DeadLog(parts.clock);
  }

  /** Nothing comes any more. */
  close(): void {
    this.deadLog.close();
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
    this.deadLog.add(mail.id, reason, failure.message);
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
    this.deadLog.add(id, 'corrupt', problem);
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
