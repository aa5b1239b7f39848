import { afterEach, describe, expect, it } from '@jest/globals';
import { relayContract as contract, type RelayHarness } from '../../lib/relay/driver/testing.js';

export { Consumer, contractJob as newJob } from '../../lib/relay/driver/consumer.js';
export type { RelayHarness } from '../../lib/relay/driver/testing.js';

/** What every driver does alike, in Jest. */
export function relayContract(name: string, makeHarness: () => Promise<RelayHarness>): void {
  contract({ describe, it, afterEach, expect }, name, makeHarness);
}
