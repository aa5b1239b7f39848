import { MailConfigurationError } from '../../base/errors.js';
import { OptionReader } from '../../base/option-reader.js';
import { BREAKER_DEFAULTS, type BreakerOptions } from './breaker.js';
import type { MemberConfig } from './route-member.js';
import type { RouteParts } from './route-parts.js';
import type { RouteStrategy } from './strategy.js';

/** A transport of a route with more to say of it than how it is reached. */
export interface RouteMemberOptions<Config> {
  /** What receipts, events and logs call it. Default: `smtp:host:port`, `sendgrid:host`. */
  readonly name?: string;
  /** Its share under `round-robin`. Default 1, minimum 1, maximum 1,000. */
  readonly weight?: number;
  readonly transport: Config;
}

/** `Config` is how a single transport is given. */
export interface RouteTransportOptions<Config> {
  readonly type?: 'route';
  /**
   * `failover`: the first transport that is up, in the order given. `fastest`: the one with the shortest time
   * per mail. `round-robin`: in turn, by weight.
   */
  readonly strategy: RouteStrategy;
  /** The transports, one at least, each as secure as those before it (`failover`), or all alike. */
  readonly transports: readonly (Config | RouteMemberOptions<Config>)[];
  /**
   * Take a mail that may have been accepted to the next transport, too. It may then arrive twice. Default
   * false.
   */
  readonly failoverUnknown?: boolean;
  readonly breaker?: BreakerOptions;
}

/** How well a transport keeps mail from others' eyes; a route never goes from more to less. */
export const SECURITY = { plain: 0, unverified: 1, verified: 2 } as const;
export type Security = keyof typeof SECURITY;

export interface MadeTransport {
  readonly transport: MemberConfig['transport'];
  /** `verified`: TLS with a trusted certificate, or not leaving this machine. A route's is its least. */
  readonly security: Security;
  /** The best of a route's transports. Default: `security`. */
  readonly best?: Security;
}

export interface MadeRoute extends Pick<MadeTransport, 'security' | 'best'> {
  readonly parts: RouteParts;
}

const KEYS = ['type', 'strategy', 'transports', 'failoverUnknown', 'breaker'];
const STRATEGIES = ['failover', 'fastest', 'round-robin'] as const;

/**
 * Reads a route; `make` reads each of its transports.
 * @throws MailConfigurationError
 */
export function readRouteOptions(
  raw: unknown,
  path: string,
  make: (config: unknown, path: string, name?: string) => MadeTransport,
): MadeRoute {
  const reader = new OptionReader(path, raw, KEYS);
  reader.oneOf('type', ['route'], 'route');
  const strategy = reader.oneOf('strategy', STRATEGIES);
  const list = reader.raw('transports');
  if (!Array.isArray(list) || list.length === 0) {
    reader.fail('transports', 'an array of one transport at least');
  }
  const entries = (list as unknown[]).map((entry, index) =>
    readMember(entry, `${reader.pathOf('transports')}[${index}]`, make),
  );
  checkSecurity(reader, strategy, entries);
  return {
    parts: {
      strategy,
      members: named(entries.map(({ member }) => member)),
      failoverUnknown: reader.boolean('failoverUnknown', false),
      breaker: readBreaker(reader),
    },
    security: entries.map(({ security }) => security).reduce(weaker),
    best: entries.map(bestOf).reduce((a, b) => (weaker(a, b) === a ? b : a)),
  };
}

interface Entry extends Pick<MadeTransport, 'security' | 'best'> {
  readonly member: MemberConfig;
}

function readMember(
  entry: unknown,
  path: string,
  make: (config: unknown, path: string, name?: string) => MadeTransport,
): Entry {
  const long = typeof entry === 'object' && entry !== null && 'transport' in entry;
  if (!long || 'deliver' in entry) {
    const { transport, ...level } = make(entry, path);
    return { member: { transport }, ...level };
  }
  const reader = new OptionReader(path, entry, ['name', 'weight', 'transport']);
  const name = reader.optionalString('name');
  const at = reader.pathOf('transport');
  const { transport, ...level } = make(reader.raw('transport'), at, name);
  const weight = reader.integer('weight', 1, { min: 1, max: 1000 });
  return { member: { transport, weight, ...(name !== undefined && { name }) }, ...level };
}

function bestOf({ security, best = security }: Entry): Security {
  return best;
}

function weaker(a: Security, b: Security): Security {
  return SECURITY[a] < SECURITY[b] ? a : b;
}

/** A mail that was to go by TLS must not end up on the wire in plain text because a transport failed. */
function checkSecurity(reader: OptionReader, strategy: RouteStrategy, entries: readonly Entry[]) {
  for (const [index, { member, security }] of entries.entries()) {
    const others = entries.filter((_, i) => (strategy === 'failover' ? i < index : i !== index));
    const better = others.find((other) => SECURITY[bestOf(other)] > SECURITY[security]);
    if (!better) continue;
    throw new MailConfigurationError(
      `${reader.pathOf('transports')}[${index}]`,
      `as secure as ${better.member.transport.name} (${bestOf(better) === 'verified' ? 'TLS with a trusted certificate, or this machine' : 'TLS'}): a route never goes from more to less`,
      `${member.transport.name}, which is ${security === 'plain' ? 'not bound to TLS (`requireTLS`)' : 'TLS without a check of the certificate'}`,
    );
  }
}

/** Two transports of one name would be one in every receipt. */
function named(members: readonly MemberConfig[]): MemberConfig[] {
  const seen = new Map<string, number>();
  return members.map((member) => {
    const name = member.name ?? member.transport.name;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? member : { ...member, name: `${name}#${count}` };
  });
}

function readBreaker(parent: OptionReader): Required<BreakerOptions> {
  const reader = parent.nested('breaker', Object.keys(BREAKER_DEFAULTS));
  const { failures, trialAfterMs, authTrialAfterMs } = BREAKER_DEFAULTS;
  const time = { min: 1, max: 2_147_483_647 };
  return {
    failures: reader.integer('failures', failures, { min: 1 }),
    trialAfterMs: reader.integer('trialAfterMs', trialAfterMs, time),
    authTrialAfterMs: reader.integer('authTrialAfterMs', authTrialAfterMs, time),
  };
}
