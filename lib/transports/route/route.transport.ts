import { setMaxListeners } from 'node:events';
import { systemClock, type Clock } from '../../clock.js';
import { MailDeliveryError, MailError, MailShutdownError } from '../../errors.js';
import type { Mail } from '../../message/mail.js';
import type { DeliverOptions, MailDelivery, MailHop, MailTransport } from '../transport.js';
import { BREAKER_DEFAULTS, type BreakerOptions } from './breaker.js';
import { isUnknown, mayGoOn } from './faults.js';
import { Gate } from './gate.js';
import { HeldMails } from './held-mails.js';
import { noRoad } from './no-road.js';
import { Road, type RoadConfig, type RoadStatus } from './road.js';
import { createStrategy, type RouteStrategy, type Strategy } from './strategy.js';
import { untilAny } from './until-any.js';

export interface RouteParts {
  readonly strategy: RouteStrategy;
  /** At least one, in order of preference. */
  readonly roads: readonly RoadConfig[];
  readonly failoverUnknown?: boolean;
  readonly breaker?: BreakerOptions;
}

/**
 * A road made of roads: it chooses, goes on to the next when a road is at fault, and records every hop.
 * A message's own fault never goes on; a mail that may have been accepted stays on its road.
 */
export class RouteTransport implements MailTransport {
  readonly name: string;
  readonly roads: readonly MailTransport[];
  private readonly all: readonly Road[];
  private readonly strategy: Strategy;
  private readonly failoverUnknown: boolean;
  private readonly held = new HeldMails<Road>();
  private readonly gate: Gate;
  private readonly stop = new AbortController();

  constructor(
    parts: RouteParts,
    private readonly clock: Clock = systemClock,
  ) {
    this.strategy = createStrategy(parts.strategy);
    this.failoverUnknown = parts.failoverUnknown ?? false;
    const breaker = { ...BREAKER_DEFAULTS, ...parts.breaker };
    this.all = parts.roads.map((road) => new Road(road, breaker, clock));
    this.roads = parts.roads.map(({ transport }) => transport);
    this.name = `${parts.strategy}:(${this.all.map(({ name }) => name).join(' ')})`;
    this.gate = new Gate(this.name);
    // Every mail that waits for a trial listens.
    setMaxListeners(0, this.stop.signal);
  }

  /** How each road stands now, in the order given. */
  status(): readonly RoadStatus[] {
    return this.all.map((road) => road.status);
  }

  deliver(mail: Mail, options: DeliverOptions = {}): Promise<MailDelivery> {
    return this.gate.run(() => this.carry(mail, options));
  }

  /** Resolves when one road at least would take mail now. */
  verify(options?: DeliverOptions): Promise<void> {
    return this.gate.run(async () => {
      const answers = await Promise.allSettled(this.roads.map((road) => road.verify(options)));
      if (answers.some(({ status }) => status === 'fulfilled')) return;
      const errors = answers.flatMap((answer): unknown[] =>
        answer.status === 'rejected' ? [answer.reason] : [],
      );
      throw noRoad({ name: this.name, roads: this.all, failures: errors, shut: [] });
    });
  }

  async close(): Promise<void> {
    await this.gate.close();
    this.stop.abort(new MailShutdownError());
    await Promise.all(this.roads.map((road) => road.close()));
  }

  async destroy(reason: Error = new MailShutdownError()): Promise<void> {
    this.stop.abort(reason);
    const closed = this.gate.close();
    await Promise.all(this.roads.map((road) => road.destroy(reason)));
    await closed;
  }

  private async carry(mail: Mail, { signal, onHop }: DeliverOptions): Promise<MailDelivery> {
    const hops: MailHop[] = [];
    const options: DeliverOptions = {
      signal,
      onHop: (hop) => {
        hops.push(hop);
        onHop?.(hop);
      },
    };
    const failures: unknown[] = [];
    const roads = this.roadsFor(mail);
    const left = new Set(roads);
    for (;;) {
      const road = await this.next(left, signal);
      if (!road) break;
      left.delete(road);
      try {
        const delivery = await this.attempt(road, mail, options);
        this.held.release(mail.id);
        return { ...delivery, road: road.label(delivery.road), hops };
      } catch (error) {
        if (isUnknown(error)) this.held.hold(mail.id, road);
        failures.push(error);
        const onwards = !this.stopped(signal) && mayGoOn(error, this.failoverUnknown);
        if (onwards) continue;
        // Whatever this road says, an earlier one may have accepted the mail.
        if (failures.slice(0, -1).some(isUnknown)) break;
        throw error;
      }
    }
    if (failures.length === 0 && this.stopped(signal)) {
      throw aborted(this.name, signal?.aborted ? signal.reason : this.stop.signal.reason);
    }
    throw noRoad({ name: this.name, roads, failures, shut: [...left] });
  }

  /** Where a mail may go: a mail that its road may have accepted, nowhere else. */
  private roadsFor({ id }: Mail): readonly Road[] {
    const held = this.failoverUnknown ? undefined : this.held.get(id);
    return held ? [held] : this.all;
  }

  /** The road to try next; waits for trials under way only when there is no other. */
  private async next(left: ReadonlySet<Road>, signal?: AbortSignal): Promise<Road | undefined> {
    for (const road of left) road.tryOut(this.stop.signal);
    for (;;) {
      if (this.stopped(signal)) return undefined;
      const [first, ...others] = [...left].filter(({ breaker }) => breaker.admits);
      if (first) return this.strategy.pick([first, ...others]);
      const trials = [...left].flatMap((road) => road.soon() ?? []);
      if (trials.length === 0) return undefined;
      await untilAny(trials, [signal, this.stop.signal]);
    }
  }

  private async attempt(road: Road, mail: Mail, options: DeliverOptions): Promise<MailDelivery> {
    const { signal, onHop } = options;
    const settle = road.begin();
    const startedAt = new Date(this.clock.now()).toISOString();
    const from = this.clock.monotonic();
    // A route within this one tells its own hops.
    const tell = (hop: Omit<MailHop, 'startedAt' | 'durationMs'>) => {
      if (road.transport.roads) return;
      onHop?.({ startedAt, durationMs: this.clock.monotonic() - from, ...hop });
    };
    try {
      const delivery = await road.transport.deliver(mail, options);
      settle();
      const { rejected, response, remoteId } = delivery;
      tell({
        road: road.label(delivery.road),
        outcome: rejected.length > 0 ? 'partial' : 'accepted',
        response,
        ...(remoteId !== undefined && { remoteId }),
      });
      return delivery;
    } catch (error) {
      settle({ error, aborted: this.stopped(signal) });
      const said = error instanceof MailDeliveryError ? error : undefined;
      tell({
        road: road.label(said?.road),
        outcome: 'failed',
        ...(said?.response !== undefined && { response: said.response }),
        error: summary(error),
      });
      throw error;
    }
  }

  private stopped(signal: AbortSignal | undefined): boolean {
    return this.stop.signal.aborted || signal?.aborted === true;
  }
}

function summary(error: unknown): NonNullable<MailHop['error']> {
  if (error instanceof MailError) {
    const { code, disposition, message } = error;
    return { code, disposition, message };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'MAIL_PROTOCOL', disposition: 'unknown', message };
}

function aborted(road: string, cause: unknown): MailDeliveryError {
  return new MailDeliveryError({
    code: 'MAIL_ABORTED',
    disposition: 'retry',
    fault: 'message',
    stage: 'queue',
    message: `The attempt over ${road} was aborted before a road was taken`,
    road,
    cause,
  });
}
