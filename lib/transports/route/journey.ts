import { MailDeliveryError } from '../../base/errors.js';
import type { MailDelivery, MailHop } from '../transport.js';
import { isUnknown, mayGoOn } from './faults.js';
import { noRoad } from './no-transport.js';
import type { Road } from './route-member.js';
import type { Roads } from './route-members.js';

/** One mail's way over a route: where it has been, where it may still go, and how it ends. */
export class Journey {
  /** The roads that it may still take. */
  readonly left: Set<Road>;
  private readonly candidates: readonly Road[];
  private readonly hops: MailHop[] = [];
  private readonly failures = new Map<Road, unknown>();
  private final = false;

  constructor(
    private readonly roads: Roads,
    private readonly id: string,
    private readonly onHop?: (hop: MailHop) => void,
  ) {
    // A mail that its road may have accepted goes nowhere else.
    const held = roads.failoverUnknown ? undefined : roads.held.get(id);
    this.candidates = held ? [held] : roads.all;
    this.left = new Set(this.candidates);
  }

  readonly tell = (hop: MailHop): void => {
    this.hops.push(hop);
    this.onHop?.(hop);
  };

  carried(road: Road, delivery: MailDelivery): MailDelivery {
    this.roads.held.release(this.id);
    return { ...delivery, road: road.label(delivery.road), hops: this.hops };
  }

  /** A road failed the mail. Answers whether another one may carry it. */
  failed(road: Road, error: unknown, signal?: AbortSignal): boolean {
    this.left.delete(road);
    if (isUnknown(error)) this.roads.held.hold(this.id, road);
    this.failures.set(road, error);
    this.final = this.roads.stopped(signal) || !mayGoOn(error, this.roads.failoverUnknown);
    return !this.final;
  }

  /** What the mail ends with, now that it goes no further. */
  end(signal?: AbortSignal): unknown {
    const { roads, failures, candidates, left, final } = this;
    const errors = [...failures.values()];
    if (errors.length === 0 && roads.stopped(signal)) {
      const cause: unknown = signal?.aborted ? signal.reason : roads.stop.signal.reason;
      return aborted(roads.name, cause);
    }
    // Whatever the last road says, an earlier one may have accepted the mail.
    if (final && !errors.slice(0, -1).some(isUnknown)) return errors.at(-1);
    return noRoad({ name: roads.name, roads: candidates, failures, shut: [...left] });
  }
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
