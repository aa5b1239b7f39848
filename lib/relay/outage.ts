import { Logger } from '@nestjs/common';
import type { Clock } from '../clock.js';
import { MailError, MailRelayError } from '../errors.js';
import type { EventBus } from '../events/event-bus.js';

export interface OutageParts {
  readonly relay: { readonly name: string };
  readonly events: EventBus;
  readonly clock: Clock;
  /** Name of the module instance. */
  readonly mailer?: string;
}

/** Says that a storage fails: once, again when the reason changes, and when it is back. */
export class Outage {
  private readonly logger = new Logger('MailRelay');
  private reason?: string;

  constructor(
    private readonly doing: 'lease' | 'settle',
    private readonly parts: OutageParts,
  ) {}

  failed(cause: unknown): void {
    const error =
      cause instanceof MailError ? cause : new MailRelayError('The relay failed', { cause });
    if (error.message === this.reason) return;
    this.reason = error.message;
    const what = this.doing === 'lease' ? 'Stored mail is not sent' : 'Outcomes are not recorded';
    this.logger.error(`${what}, or not all of it: ${error.message}`);
    this.parts.events.emit('stalled', () => ({ type: 'stalled', ...this.about(), error }));
  }

  over(): void {
    if (this.reason === undefined) return;
    this.reason = undefined;
    this.logger.log(`${this.parts.relay.name} is back`);
    this.parts.events.emit('resumed', () => ({ type: 'resumed', ...this.about() }));
  }

  private about() {
    const { clock, mailer, relay } = this.parts;
    return { at: clock.now(), mailer, doing: this.doing, relay: relay.name };
  }
}
