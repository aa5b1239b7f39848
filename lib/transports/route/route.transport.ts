import { systemClock, type Clock } from '../../base/clock.js';
import { MailShutdownError } from '../../base/errors.js';
import type { Mail } from '../../message/mail.js';
import type { DeliverOptions, MailBulkRoad, MailDelivery, MailTransport } from '../transport.js';
import { Gate } from './gate.js';
import { Journey } from './journey.js';
import { noRoad } from './no-transport.js';
import type { Road, RoadStatus } from './route-member.js';
import { Roads } from './route-members.js';
import { RouteBulk } from './route-bulk.js';
import type { RouteParts } from './route-parts.js';

/**
 * A road made of roads: it chooses, goes on to the next when a road is at fault, and records every hop.
 * A message's own fault never goes on; a mail that may have been accepted stays on its road.
 */
export class RouteTransport implements MailTransport {
  readonly name: string;
  readonly roads: readonly MailTransport[];
  /** Where one road at least has a better way than one by one. */
  readonly bulk?: MailBulkRoad;
  private readonly choice: Roads;
  private readonly gate: Gate;

  constructor(parts: RouteParts, clock: Clock = systemClock) {
    this.choice = new Roads(parts, clock);
    this.roads = parts.roads.map(({ transport }) => transport);
    this.name = this.choice.name;
    this.gate = new Gate(this.name);
    if (this.roads.some(({ bulk }) => bulk)) this.bulk = new RouteBulk(this.choice, this.gate);
  }

  /** How each road stands now, in the order given. */
  status(): readonly RoadStatus[] {
    return this.choice.all.map((road) => road.status);
  }

  get capacity(): number {
    return this.choice.capacity;
  }

  deliver(mail: Mail, options: DeliverOptions = {}): Promise<MailDelivery> {
    return this.gate.run(() => this.carry(mail, options));
  }

  /** Resolves when one road at least would take mail now. */
  verify(options?: DeliverOptions): Promise<void> {
    return this.gate.run(async () => {
      const roads = this.choice.all;
      const answers = await Promise.allSettled(
        roads.map(({ transport }) => transport.verify(options)),
      );
      const failures = new Map<Road, unknown>();
      roads.forEach((road, index) => {
        const answer = answers[index];
        if (answer?.status === 'rejected') failures.set(road, answer.reason);
      });
      if (failures.size < roads.length) return;
      throw noRoad({ name: this.name, roads, failures, shut: [] });
    });
  }

  async close(): Promise<void> {
    await this.gate.close();
    this.choice.stop.abort(new MailShutdownError());
    await Promise.all(this.roads.map((road) => road.close()));
  }

  async destroy(reason: Error = new MailShutdownError()): Promise<void> {
    this.choice.stop.abort(reason);
    const closed = this.gate.close();
    await Promise.all(this.roads.map((road) => road.destroy(reason)));
    await closed;
  }

  private async carry(mail: Mail, options: DeliverOptions): Promise<MailDelivery> {
    const { signal } = options;
    const journey = new Journey(this.choice, mail.id, options.onHop);
    for (;;) {
      const road = await this.choice.next(journey.left, signal);
      if (!road) throw journey.end(signal);
      // Of those whom a trial lets in together one is first; the rest choose again.
      if (!road.breaker.admits) continue;
      try {
        const delivery = await this.choice.attempt(road, mail, { signal, onHop: journey.tell });
        return journey.carried(road, delivery);
      } catch (error) {
        if (!journey.failed(road, error, signal)) throw journey.end(signal);
      }
    }
  }
}
