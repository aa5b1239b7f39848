import type { Latency } from './latency.js';

export type RouteStrategy = 'failover' | 'fastest' | 'round-robin';

/** What a strategy knows of a transport. */
export interface Choice {
  readonly weight: number;
  readonly latency: Latency;
}

export interface Strategy {
  /** The transport to take next, out of those that may be taken now; at least one, in the user's order. */
  pick<T extends Choice>(members: readonly [T, ...T[]]): T;
  /** How much all may carry together, of what each may. */
  capacity(each: readonly [number, ...number[]]): number;
}

export function createStrategy(name: RouteStrategy): Strategy {
  switch (name) {
    case 'failover':
      return { pick: ([first]) => first, capacity: ([first]) => first };
    case 'fastest':
      return new Fastest();
    case 'round-robin':
      return new RoundRobin();
  }
}

/** At most one mail in so many explores … */
const EXPLORE_EVERY = 20;
/** … and a transport is explored only after this many times what it takes, so that exploring costs 5% at most. */
const EXPLORE_REST = 20;

/** The transport with the shortest time per mail. The others are asked now and then, one mail at a time. */
class Fastest implements Strategy {
  private sinceExplored = 0;

  pick<T extends Choice>(members: readonly [T, ...T[]]): T {
    const untried = members.find(({ latency }) => latency.staleMs === Infinity && !latency.busy);
    if (untried) return untried;
    const best = members.reduce((a, b) => (isBetter(b.latency, a.latency) ? b : a));
    this.sinceExplored += 1;
    if (this.sinceExplored < EXPLORE_EVERY) return best;
    const stale = members.find(
      ({ latency }) =>
        latency !== best.latency &&
        !latency.busy &&
        latency.staleMs >= EXPLORE_REST * latency.estimateMs,
    );
    if (!stale) return best;
    this.sinceExplored = 0;
    return stale;
  }

  capacity(each: readonly number[]): number {
    return Math.max(...each);
  }
}

/** A transport that refuses each mail has no time per mail, however fast it is at that. Of such ones all are asked in turn. */
function isBetter(one: Latency, other: Latency): boolean {
  const [carries, otherCarries] = [one, other].map(({ averageMs }) => averageMs !== undefined);
  if (carries !== otherCarries) return carries === true;
  return carries || one.staleMs === other.staleMs
    ? one.estimateMs < other.estimateMs
    : one.staleMs > other.staleMs;
}

/** Smooth weighted round-robin: 2:1 is taken as a b a, not as a a b. */
class RoundRobin implements Strategy {
  private readonly credit = new WeakMap<Choice, number>();

  pick<T extends Choice>(members: readonly [T, ...T[]]): T {
    let best: T = members[0];
    let total = 0;
    for (const member of members) {
      total += member.weight;
      this.credit.set(member, this.creditOf(member) + member.weight);
      if (this.creditOf(member) > this.creditOf(best)) best = member;
    }
    this.credit.set(best, this.creditOf(best) - total);
    return best;
  }

  capacity(each: readonly number[]): number {
    return each.reduce((sum, one) => sum + one);
  }

  private creditOf(member: Choice): number {
    return this.credit.get(member) ?? 0;
  }
}
