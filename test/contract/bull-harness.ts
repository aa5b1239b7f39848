import { bullRelay } from '../../lib/relay/bull/index.js';
import type { MailRelay } from '../../lib/relay/relay.js';
import { RedisServer } from '../fixtures/redis-server.js';
import { openRelay, type OpenRelay } from '../integration/bull/helpers.js';
import type { RelayHarness } from './relay-contract.js';

/** A queue in a Redis of its own. */
export class BullHarness implements RelayHarness {
  private readonly clients: OpenRelay[] = [];

  private constructor(private readonly redis: RedisServer) {}

  static async start(): Promise<BullHarness> {
    return new BullHarness(await RedisServer.start());
  }

  async client(): Promise<MailRelay> {
    const client = await openRelay(bullRelay({ redis: this.redis.url }));
    this.clients.push(client);
    return client.relay;
  }

  async rewrite(id: string, change: (wire: Record<string, unknown>) => unknown): Promise<void> {
    const key = `bull:nestjs-mail-relay:mails:job:${id}`;
    const wire = JSON.parse(await this.redis.command('hget', key, 'data')) as object;
    const changed = JSON.stringify(change(wire as Record<string, unknown>));
    await this.redis.command('hset', key, 'data', changed);
  }

  async dispose(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
    await this.redis.close();
  }
}
