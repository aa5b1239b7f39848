import type { MailRelay } from '../../lib/relay/relay.js';
import { MemoryJobs, MemoryRelay } from '../../lib/testing/memory-relay.js';
import { relayContract, type RelayHarness } from './relay-contract.js';

/** Memory that several relays share, as processes share a storage. */
class MemoryHarness implements RelayHarness {
  private readonly jobs = new MemoryJobs();

  async client(): Promise<MailRelay> {
    return new MemoryRelay(this.jobs);
  }

  async rewrite(id: string, change: (wire: Record<string, unknown>) => unknown): Promise<void> {
    const row = this.jobs.rows.get(id)!;
    row.body = JSON.stringify(change(JSON.parse(row.body) as Record<string, unknown>));
  }

  async dispose(): Promise<void> {
    this.jobs.rows.clear();
  }
}

relayContract('memory, for tests', async () => new MemoryHarness());
