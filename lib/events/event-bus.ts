import { channel } from 'node:diagnostics_channel';
import { Subject, type Observable } from 'rxjs';
import type { MailEvent, MailEventType } from './mail-events.js';

export const EVENT_TYPES: readonly MailEventType[] = [
  'queued',
  'attempt',
  'hop',
  'sent',
  'rejected',
  'failed',
  'deferred',
  'dead',
  'drained',
  'feedback',
];

/** One diagnostics channel an event type, for tracers: `nestjs-mail-relay:sent` and so on. */
const channels = new Map(EVENT_TYPES.map((type) => [type, channel(`nestjs-mail-relay:${type}`)]));

/** Carries events up to `events$` and to `node:diagnostics_channel`; costs next to nothing unheard. */
export class EventBus {
  private readonly subject = new Subject<MailEvent>();
  readonly events$: Observable<MailEvent> = this.subject.asObservable();

  /** `make` runs only when somebody listens. */
  emit(type: MailEventType, make: () => MailEvent): void {
    const diagnostics = channels.get(type);
    if (!this.subject.observed && !diagnostics?.hasSubscribers) return;
    const event = make();
    diagnostics?.publish(event);
    this.subject.next(event);
  }

  /** Completes `events$`. */
  close(): void {
    this.subject.complete();
  }
}
