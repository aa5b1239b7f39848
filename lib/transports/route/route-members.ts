import { setMaxListeners } from 'node:events';
import { isoTime, type Clock } from '../../base/clock.js';
import type { Mail } from '../../message/mail.js';
import { capacityOf, type DeliverOptions, type MailDelivery } from '../transport.js';
import { BREAKER_DEFAULTS } from './breaker.js';
import { PinnedMails } from './pinned-mails.js';
import { failedHop, hopOf } from './hop.js';
import { RouteMember } from './route-member.js';
import type { RouteParts } from './route-parts.js';
import { createStrategy, type Strategy } from './strategy.js';
import { untilAny } from './until-any.js';

/** The transports of a route, and the choice among them. */
export class RouteMembers {
  readonly all: readonly RouteMember[];
  readonly name: string;
  /** Ends every wait. */
  readonly stop = new AbortController();
  private readonly strategy: Strategy;
  /** Takes turns of its own. */
  private readonly bulkStrategy: Strategy;
  readonly failoverUnknown: boolean;
  /** Which transport may have accepted which mail. */
  readonly pinned = new PinnedMails<RouteMember>();

  constructor(
    parts: RouteParts,
    readonly clock: Clock,
  ) {
    const { strategy, members, failoverUnknown = false } = parts;
    this.strategy = createStrategy(strategy);
    this.bulkStrategy = createStrategy(strategy);
    this.failoverUnknown = failoverUnknown;
    const breaker = { ...BREAKER_DEFAULTS, ...parts.breaker };
    this.all = members.map((member) => new RouteMember(member, breaker, clock));
    this.name = `${strategy}:(${this.all.map(({ name }) => name).join(' ')})`;
    // Every mail that waits for a trial listens.
    setMaxListeners(0, this.stop.signal);
  }

  /** How many mails the transports that take mail now can have under way; all of them when none does. */
  get capacity(): number {
    const open = this.all.filter(({ breaker }) => breaker.admits);
    const [first, ...others] = (open.length > 0 ? open : this.all).map(({ transport }) =>
      capacityOf(transport),
    );
    return this.strategy.capacity([first!, ...others]);
  }

  /** The transport to try next; waits for trials under way only when there is no other. */
  async next(
    left: ReadonlySet<RouteMember>,
    signal?: AbortSignal,
    inBulk = false,
  ): Promise<RouteMember | undefined> {
    for (const member of left) member.tryOut(this.stop.signal);
    for (;;) {
      if (this.stopped(signal)) return undefined;
      const [first, ...others] = [...left].filter(({ breaker }) => breaker.admits);
      if (first && inBulk) {
        return this.bulkStrategy.pick([first.inBulk, ...others.map((member) => member.inBulk)])
          .member;
      }
      if (first) return this.strategy.pick([first, ...others]);
      const trials = [...left].flatMap((member) => member.soon() ?? []);
      if (trials.length === 0) return undefined;
      await untilAny(trials, [signal, this.stop.signal]);
    }
  }

  /** One mail over one transport, told as a hop. */
  async attempt(member: RouteMember, mail: Mail, options: DeliverOptions): Promise<MailDelivery> {
    const { signal, onHop } = options;
    const settle = member.begin();
    const times = this.timer();
    try {
      const delivery = await member.transport.deliver(mail, options);
      settle();
      // A route within this one tells its own hops.
      if (!member.transport.transports) onHop?.(hopOf(member, times(), delivery));
      return delivery;
    } catch (error) {
      settle({ error, aborted: this.stopped(signal) });
      if (!member.transport.transports) onHop?.(failedHop(member, times(), error));
      throw error;
    }
  }

  /** When something began, and how long it took once the returned function is called. */
  timer(): () => { readonly startedAt: string; readonly durationMs: number } {
    const startedAt = isoTime(this.clock.now());
    const from = this.clock.monotonic();
    return () => ({ startedAt, durationMs: this.clock.monotonic() - from });
  }

  stopped(signal: AbortSignal | undefined): boolean {
    return this.stop.signal.aborted || signal?.aborted === true;
  }
}
