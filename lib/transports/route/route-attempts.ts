import { abortedError } from '../../base/errors.js';
import type { MailDelivery, MailHop } from '../transport.js';
import { isUnknown, mayGoOn } from './faults.js';
import { noTransport } from './no-transport.js';
import type { RouteMember } from './route-member.js';
import type { RouteMembers } from './route-members.js';

/** One mail's way over a route: where it has been, where it may still go, and how it ends. */
export class RouteAttempts {
  /** The transports that it may still take. */
  readonly left: Set<RouteMember>;
  private readonly candidates: readonly RouteMember[];
  private readonly hops: MailHop[] = [];
  private readonly failures = new Map<RouteMember, unknown>();
  private final = false;

  constructor(
    private readonly members: RouteMembers,
    private readonly id: string,
    private readonly onHop?: (hop: MailHop) => void,
  ) {
    // A mail that its transport may have accepted goes nowhere else.
    const pinned = members.failoverUnknown ? undefined : members.pinned.get(id);
    this.candidates = pinned ? [pinned] : members.all;
    this.left = new Set(this.candidates);
  }

  readonly tell = (hop: MailHop): void => {
    this.hops.push(hop);
    this.onHop?.(hop);
  };

  carried(member: RouteMember, delivery: MailDelivery): MailDelivery {
    this.members.pinned.unpin(this.id);
    return { ...delivery, transport: member.label(delivery.transport), hops: this.hops };
  }

  /** A transport failed the mail. Returns whether another one may carry it. */
  failed(member: RouteMember, error: unknown, signal?: AbortSignal): boolean {
    this.left.delete(member);
    if (isUnknown(error)) this.members.pinned.pin(this.id, member);
    this.failures.set(member, error);
    this.final = this.members.stopped(signal) || !mayGoOn(error, this.members.failoverUnknown);
    return !this.final;
  }

  /** What the mail ends with, now that it goes no further. */
  end(signal?: AbortSignal): unknown {
    const { members, failures, candidates, left, final } = this;
    const errors = [...failures.values()];
    if (errors.length === 0 && members.stopped(signal)) {
      const cause: unknown = signal?.aborted ? signal.reason : members.stop.signal.reason;
      const { name } = members;
      const message = `The attempt over ${name} was aborted before a transport was taken`;
      return abortedError({ stage: 'queue', message, transport: name, cause });
    }
    // Whatever the last transport says, an earlier one may have accepted the mail.
    if (final && !errors.slice(0, -1).some(isUnknown)) return errors.at(-1);
    return noTransport({ name: members.name, members: candidates, failures, shut: [...left] });
  }
}
