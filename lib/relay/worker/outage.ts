import { Logger } from '@nestjs/common';
import type { Clock } from '../../base/clock.js';
import { MailError, MailRelayError } from '../../base/errors.js';
import type { EventBus } from '../../events/event-bus.js';
import type { MailStalledEvent } from '../../events/mail-events.js';
import { reasonOf } from '../../base/reason.js';

export interface OutageParts {
  readonly relay: { readonly name: string };
  readonly events: EventBus;
  readonly clock: Clock;
  /** Name of the module instance. */
  readonly mailer?: string;
}

type Doing = MailStalledEvent['doing'];

const FAILED: Record<Doing, string> = {
  lease: 'Stored mail is not sent, or not all of it',
  settle: 'Outcomes are not recorded, or not all of them',
  deliver: 'Stored mail waits for its transport',
};

/** Says that a storage or a transport fails: once, again when the reason changes, and when it is back. */
export class Outage {
  private readonly logger = new Logger('MailRelay');
  private reason?: string;

  constructor(
    private readonly doing: Doing,
    private readonly parts: OutageParts,
  ) {}

  failed(cause: unknown): void {
    const error =
      cause instanceof MailError ? cause : new MailRelayError('The relay failed', { cause });
    const reason = reasonOf(error);
    if (reason === this.reason) return;
    this.reason = reason;
    this.logger.error(`${FAILED[this.doing]}: ${error.message}`);
    this.parts.events.emit('stalled', () => ({ type: 'stalled', ...this.about(), error }));
  }

  over(): void {
    if (this.reason === undefined) return;
    this.reason = undefined;
    const { relay } = this.parts;
    this.logger.log(`${this.doing === 'deliver' ? 'The transport' : relay.name} is back`);
    this.parts.events.emit('resumed', () => ({ type: 'resumed', ...this.about() }));
  }

  private about() {
    const { clock, mailer, relay } = this.parts;
    return { at: clock.now(), mailer, doing: this.doing, relay: relay.name };
  }
}
