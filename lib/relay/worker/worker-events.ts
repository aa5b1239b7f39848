import type { Clock } from '../../base/clock.js';
import type { EventBus } from '../../events/event-bus.js';
import { DeadLog } from './dead-log.js';
import type { JobFailure, LeasedJob, Settlement, UnreadableJob } from '../relay.js';

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

  settled({ mail }: LeasedJob, settlement: Settlement): void {
    if (settlement.outcome === 'sent') return;
    const { attempts, unknowns, failure, open: recipients = mail.envelope.to } = settlement;
    const { id, messageId } = mail;
    const about = { ...this.about(), id, messageId, recipients, attempts, unknowns, failure };
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
  }

  transportDown(
    { mail, attempts, unknowns }: LeasedJob,
    delayMs: number,
    failure: JobFailure,
  ): void {
    const { id, messageId, envelope } = mail;
    this.parts.events.emit('deferred', () => ({
      type: 'deferred',
      ...this.about(),
      id,
      messageId,
      transportDown: true,
      attempts,
      unknowns,
      delayMs,
      recipients: envelope.to,
      failure,
    }));
  }

  corrupt({ id, problem }: UnreadableJob): void {
    this.deadLog.add(id, 'corrupt', problem);
    this.parts.events.emit('dead', () => ({
      type: 'dead',
      ...this.about(),
      id,
      reason: 'corrupt',
      attempts: 0,
      unknowns: 0,
      recipients: [],
      failure: { code: 'MAIL_RELAY', disposition: 'permanent', message: problem },
    }));
  }

  private about() {
    return { at: this.parts.clock.now(), mailer: this.parts.mailer };
  }
}
