import type { BreakerOptions } from './breaker.js';
import type { MemberConfig } from './route-member.js';
import type { RouteStrategy } from './strategy.js';

/** What a route is made of. */
export interface RouteParts {
  readonly strategy: RouteStrategy;
  /** At least one, in order of preference. */
  readonly members: readonly MemberConfig[];
  readonly failoverUnknown?: boolean;
  readonly breaker?: BreakerOptions;
}
