import { MailError } from '../../base/errors.js';
import type { MailBulkEntry } from '../../message/bulk.js';
import type { Mail } from '../../message/mail.js';
import { asMailError } from '../attempt.js';
import { singleMail } from '../single-mail.js';
import type { MailBulkDelivery, MailBulkOptions, MailBulkRoad, MailHop } from '../transport.js';
import { verdictOf } from './faults.js';
import type { Gate } from './gate.js';
import { failedHop, hopOf, type HopTimes } from './hop.js';
import { Journey } from './journey.js';
import type { Road } from './route-member.js';
import type { Roads } from './route-members.js';

/** One recipient's mail on its way. */
interface Part {
  readonly entry: MailBulkEntry;
  readonly journey: Journey;
  outcome?: MailBulkDelivery;
}

/**
 * Many mails over a route. Each goes by the rules of a single one; those with the same roads before them
 * go together, in few requests where the road can.
 */
export class RouteBulk implements MailBulkRoad {
  readonly size: number;

  constructor(
    private readonly roads: Roads,
    private readonly gate: Gate,
  ) {
    this.size = Math.max(...roads.all.map(({ transport }) => transport.bulk?.size ?? 1));
  }

  async deliver(
    shared: Mail,
    entries: readonly MailBulkEntry[],
    options: MailBulkOptions,
  ): Promise<readonly MailBulkDelivery[]> {
    const parts = entries.map((entry): Part => {
      const tell = options.onHop && ((hop: MailHop) => options.onHop?.(entry, hop));
      return { entry, journey: new Journey(this.roads, entry.id, tell) };
    });
    try {
      await this.gate.run(() => this.carry(shared, parts, options));
    } catch (error) {
      // Closed: nothing was sent.
      for (const part of parts) part.outcome ??= asMailError(error, this.roads.name);
    }
    return parts.map(({ outcome }) => outcome!);
  }

  private async carry(
    shared: Mail,
    parts: readonly Part[],
    options: MailBulkOptions,
  ): Promise<void> {
    const { signal } = options;
    for (;;) {
      const open = parts.filter(({ outcome }) => !outcome);
      const [first] = open;
      if (!first) return;
      const { left } = first.journey;
      const group = open.filter(({ journey }) => isSame(journey.left, left));
      const road = await this.roads.next(left, signal, true);
      if (road) await this.over(road, shared, group, options);
      else for (const part of group) this.end(part, signal);
    }
  }

  private async over(
    road: Road,
    shared: Mail,
    parts: readonly Part[],
    options: MailBulkOptions,
  ): Promise<void> {
    const measure = road.inBulk.latency.begin(parts.length);
    const size = road.transport.bulk?.size ?? 1;
    const legs = road.transport.bulk
      ? chunks(parts, size).map((batch) => this.together(road, shared, batch, options))
      : parts.map((part) => this.alone(road, shared, part, options));
    await Promise.all(legs);
    measure(parts.some(({ outcome }) => outcome && !(outcome instanceof MailError)));
  }

  /** As few requests as the road's own. They count as one attempt for its breaker. */
  private async together(
    road: Road,
    shared: Mail,
    parts: readonly Part[],
    options: MailBulkOptions,
  ): Promise<void> {
    // Others took the one place of a road on trial; the choice is made again.
    if (!road.breaker.admits) return;
    const { signal } = options;
    const journeys = new Map(parts.map(({ entry, journey }) => [entry, journey]));
    const onHop: MailBulkOptions['onHop'] = (entry, hop) => journeys.get(entry)?.tell(hop);
    const settle = road.begin(false);
    const times = this.roads.timer();
    const entries = parts.map(({ entry }) => entry);
    const outcomes = await this.settled(road, shared, entries, { ...options, onHop });
    const error = faultOf(outcomes);
    settle(error && { error, aborted: this.roads.stopped(signal) });
    parts.forEach((part, index) => {
      const outcome = outcomes[index]!;
      // A route within this one tells its own hops.
      if (!road.transport.roads) part.journey.tell(toHop(road, times(), outcome));
      this.conclude(road, part, outcome, signal);
    });
  }

  /** A road of the user's own may break the contract; its place and every mail are settled even so. */
  private async settled(
    road: Road,
    shared: Mail,
    entries: readonly MailBulkEntry[],
    options: MailBulkOptions,
  ): Promise<readonly MailBulkDelivery[]> {
    let outcomes: readonly MailBulkDelivery[] = [];
    let failure: unknown = new Error('it said nothing of the mail');
    try {
      outcomes = await road.transport.bulk!.deliver(shared, entries, options);
    } catch (error) {
      failure = error;
    }
    return entries.map((_, index) => outcomes[index] ?? asMailError(failure, road.name));
  }

  private alone(
    road: Road,
    shared: Mail,
    part: Part,
    { signal, limit }: MailBulkOptions,
  ): Promise<void> {
    return limit(async () => {
      // Much may have changed while the mail waited for its turn; the choice is made again.
      if (!road.breaker.admits || this.roads.stopped(signal)) return;
      let outcome: MailBulkDelivery;
      try {
        const mail = singleMail(shared, part.entry);
        outcome = await this.roads.attempt(road, mail, { signal, onHop: part.journey.tell });
      } catch (error) {
        outcome = asMailError(error, road.name);
      }
      this.conclude(road, part, outcome, signal);
    });
  }

  private conclude(
    road: Road,
    part: Part,
    outcome: MailBulkDelivery,
    signal: AbortSignal | undefined,
  ): void {
    if (!(outcome instanceof MailError)) part.outcome = part.journey.carried(road, outcome);
    else if (!part.journey.failed(road, outcome, signal)) this.end(part, signal);
  }

  private end(part: Part, signal: AbortSignal | undefined): void {
    part.outcome = asMailError(part.journey.end(signal), this.roads.name);
  }
}

/** What a bulk says against its road: nothing where that took a mail, or refused one for its own sake. */
function faultOf(outcomes: readonly MailBulkDelivery[]): MailError | undefined {
  let fault: MailError | undefined;
  for (const outcome of outcomes) {
    const verdict = outcome instanceof MailError ? verdictOf(outcome) : 'up';
    if (verdict === 'up') return undefined;
    if (!fault || verdict === 'down') fault = outcome as MailError;
  }
  return fault;
}

function toHop(road: Road, times: HopTimes, outcome: MailBulkDelivery): MailHop {
  return outcome instanceof MailError
    ? failedHop(road, times, outcome)
    : hopOf(road, times, outcome);
}

function isSame(a: ReadonlySet<Road>, b: ReadonlySet<Road>): boolean {
  return a === b || (a.size === b.size && [...a].every((road) => b.has(road)));
}

function chunks<T>(all: readonly T[], size: number): (readonly T[])[] {
  const count = Math.ceil(all.length / size);
  return Array.from({ length: count }, (_, i) => all.slice(i * size, (i + 1) * size));
}
