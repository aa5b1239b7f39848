import { channel } from 'node:diagnostics_channel';
import { Subject, type Observable } from 'rxjs';
import type { MailEvent, MailEventType } from './mail-events.js';

export const EVENT_TYPES: readonly MailEventType[] = [
  'queued',
  'attempt',
  'hop',
  'sent',
  'attempt-failed',
  'rejected',
  'failed',
  'deferred',
  'dead',
  'stalled',
  'resumed',
  'drained',
  'feedback',
];

/** One diagnostics channel an event type, for tracers: `nestjs-mail-relay:sent` and so on. */
const channels = new Map(EVENT_TYPES.map((type) => [type, channel(`nestjs-mail-relay:${type}`)]));

/** Carries events up to `events$` and to `node:diagnostics_channel`; costs next to nothing unheard. */
export class EventBus {
  private readonly subject = new Subject<MailEvent>();
  readonly events$: Observable<MailEvent> = this.subject.asObservable();

  /** Whether anybody would hear an event of this type now. */
  hears(type: MailEventType): boolean {
    return this.subject.observed || channels.get(type)?.hasSubscribers === true;
  }

  /** `make` runs only when somebody listens. */
  emit(type: MailEventType, make: () => MailEvent): void {
    if (!this.hears(type)) return;
    const event = make();
    channels.get(type)?.publish(event);
    this.subject.next(event);
  }

  /** Completes `events$`. */
  close(): void {
    this.subject.complete();
  }
}
