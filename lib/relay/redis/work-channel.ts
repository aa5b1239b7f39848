import { Logger } from '@nestjs/common';
import type { RedisClient } from './redis-client.js';

/** Bull's second connection, for what it listens to. Made when it is first looked at. */
export interface Subscriber {
  readonly eclient?: RedisClient;
}

/**
 * Hears from other processes that mail waits. Without it, a worker looks for mail by itself; so nothing
 * here fails.
 */
export class WorkChannel {
  private readonly logger = new Logger('MailRelay');
  private client?: RedisClient;
  private told = false;

  constructor(
    private readonly subscriber: Subscriber,
    private readonly channel: string,
    /** Names Redis in the log. */
    private readonly where: string,
  ) {}

  /** The connection, where it was made. */
  get connection(): RedisClient | undefined {
    return this.client;
  }

  listen(onWork: () => void): void {
    const client = this.subscriber.eclient;
    if (!client || this.client) return;
    this.client = client;
    secure(client, (problem) => this.tell(problem));
    client.on('message', (channel: string) => {
      if (channel === this.channel) onWork();
    });
    void client.subscribe(this.channel);
  }

  private tell(problem: Error): void {
    if (this.told || !/\bNOPERM\b/.test(problem.message)) return;
    this.told = true;
    this.logger.warn(
      `${this.where} does not let its user listen to the channel ${this.channel} (${problem.message}); workers find mail of other processes only by looking for it`,
    );
  }
}

const secured = new WeakSet<RedisClient>();

/**
 * ioredis, once it is connected again, subscribes in promises that nobody looks at: a wrong password or
 * a connection lost at that moment would end the process. Here it is tried again with the next connection.
 */
function secure(client: RedisClient, onProblem: (problem: Error) => void): void {
  if (secured.has(client)) return;
  secured.add(client);
  for (const name of ['subscribe', 'psubscribe'] as const) {
    const subscribe = client[name].bind(client);
    client[name] = async (...channels) => {
      try {
        return await subscribe(...channels);
      } catch (error) {
        if (error instanceof Error) onProblem(error);
        client.once('ready', () => void client[name](...channels));
        return undefined;
      }
    };
  }
}
