import { systemClock, type Clock } from '../../base/clock.js';
import { MailShutdownError } from '../../base/errors.js';
import type { Mail } from '../../message/mail.js';
import type {
  DeliverOptions,
  MailBulkTransport,
  MailDelivery,
  MailTransport,
} from '../transport.js';
import { Gate } from './gate.js';
import { RouteAttempts } from './route-attempts.js';
import { noTransport } from './no-transport.js';
import type { RouteMember, TransportStatus } from './route-member.js';
import { RouteMembers } from './route-members.js';
import { RouteBulk } from './route-bulk.js';
import type { RouteParts } from './route-parts.js';

/**
 * A transport made of transports: it chooses, goes on to the next when a transport is at fault, and records every hop.
 * A message's own fault never goes on; a mail that may have been accepted stays on its transport.
 */
export class RouteTransport implements MailTransport {
  readonly name: string;
  readonly transports: readonly MailTransport[];
  /** Where one transport at least has a better way than one by one. */
  readonly bulk?: MailBulkTransport;
  private readonly choice: RouteMembers;
  private readonly gate: Gate;

  constructor(parts: RouteParts, clock: Clock = systemClock) {
    this.choice = new RouteMembers(parts, clock);
    this.transports = parts.members.map(({ transport }) => transport);
    this.name = this.choice.name;
    this.gate = new Gate(this.name);
    if (this.transports.some(({ bulk }) => bulk)) this.bulk = new RouteBulk(this.choice, this.gate);
  }

  /** How each transport stands now, in the order given. */
  status(): readonly TransportStatus[] {
    return this.choice.all.map((member) => member.status);
  }

  get capacity(): number {
    return this.choice.capacity;
  }

  deliver(mail: Mail, options: DeliverOptions = {}): Promise<MailDelivery> {
    return this.gate.run(() => this.carry(mail, options));
  }

  /** Resolves when one transport at least would take mail now. */
  verify(options?: DeliverOptions): Promise<void> {
    return this.gate.run(async () => {
      const members = this.choice.all;
      const answers = await Promise.allSettled(
        members.map(({ transport }) => transport.verify(options)),
      );
      const failures = new Map<RouteMember, unknown>();
      members.forEach((member, index) => {
        const answer = answers[index];
        if (answer?.status === 'rejected') failures.set(member, answer.reason);
      });
      if (failures.size < members.length) return;
      throw noTransport({ name: this.name, members, failures, shut: [] });
    });
  }

  async preload(): Promise<void> {
    await Promise.all(this.transports.map(async (member) => member.preload?.()));
  }

  async close(): Promise<void> {
    await this.gate.close();
    this.choice.stop.abort(new MailShutdownError());
    await Promise.all(this.transports.map((member) => member.close()));
  }

  async destroy(reason: Error = new MailShutdownError()): Promise<void> {
    this.choice.stop.abort(reason);
    const closed = this.gate.close();
    await Promise.all(this.transports.map((member) => member.destroy(reason)));
    await closed;
  }

  private async carry(mail: Mail, options: DeliverOptions): Promise<MailDelivery> {
    const { signal } = options;
    const attempts = new RouteAttempts(this.choice, mail.id, options.onHop);
    for (;;) {
      const member = await this.choice.next(attempts.left, signal);
      if (!member) throw attempts.end(signal);
      // Of those whom a trial lets in together one is first; the rest choose again.
      if (!member.breaker.admits) continue;
      try {
        const delivery = await this.choice.attempt(member, mail, { signal, onHop: attempts.tell });
        return attempts.carried(member, delivery);
      } catch (error) {
        if (!attempts.failed(member, error, signal)) throw attempts.end(signal);
      }
    }
  }
}
