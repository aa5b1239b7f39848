import type { OptionReader } from '../base/option-reader.js';
import { readRetryPolicy, type RetryOptions, type RetryPolicy } from './retry-policy.js';

export type RelayRole = 'producer' | 'worker' | 'both';

/** Options that all drivers share, as the user gives them. */
export interface RelayUserOptions {
  /**
   * `producer`: only stores mail. `worker`: delivers it, too, without `send` being any different.
   * `both` is the default; `worker` and `both` differ in drivers that hold connections for storing.
   */
  readonly role?: RelayRole;
  /**
   * How many mails are under way at once, at most. Default: as many as the transport says that it can
   * carry, else 100. Minimum 1.
   */
  readonly concurrency?: number;
  /** Attempts started each second by this process, at most. Default: no limit. Minimum 1. */
  readonly ratePerSecond?: number;
  readonly retry?: RetryOptions;
}

/** The same after checking. */
export interface RelayOptions {
  readonly role: RelayRole;
  readonly concurrency?: number;
  readonly ratePerSecond?: number;
  readonly retry: RetryPolicy;
}

/** The keys of RelayUserOptions, for a driver's OptionReader. */
export const RELAY_OPTION_KEYS = ['role', 'concurrency', 'ratePerSecond', 'retry'] as const;

/** @throws MailConfigurationError */
export function readRelayOptions(reader: OptionReader): RelayOptions {
  const optional = (key: 'concurrency' | 'ratePerSecond') =>
    reader.raw(key) === undefined ? undefined : reader.integer(key, 1, { min: 1 });
  return {
    role: reader.oneOf('role', ['producer', 'worker', 'both'], 'both'),
    concurrency: optional('concurrency'),
    ratePerSecond: optional('ratePerSecond'),
    retry: readRetryPolicy(reader),
  };
}
