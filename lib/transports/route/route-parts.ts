import type { BreakerOptions } from './breaker.js';
import type { RoadConfig } from './route-member.js';
import type { RouteStrategy } from './strategy.js';

/** What a route is made of. */
export interface RouteParts {
  readonly strategy: RouteStrategy;
  /** At least one, in order of preference. */
  readonly roads: readonly RoadConfig[];
  readonly failoverUnknown?: boolean;
  readonly breaker?: BreakerOptions;
}
