import { Logger } from '@nestjs/common';
import type { BullQueue, RedisClient } from './bull-queue.js';

/** Says once, each time that it changes, whether Redis is there and fit to keep mail. */
export class RedisCheck {
  private readonly logger = new Logger('MailRelay');
  private down = false;
  private warnedOf?: string;

  constructor(
    private readonly queue: BullQueue,
    client: RedisClient,
    private readonly onReady: () => void,
  ) {
    queue.on('error', (error) => this.onError(error, client));
    client.on('ready', () => this.ready(client));
    if (client.status === 'ready') this.ready(client);
  }

  private onError({ message }: Error, client: RedisClient): void {
    if (this.down || client.status === 'ready') return;
    this.down = true;
    this.logger.warn(
      `Redis of queue ${this.queue.name} is not there (${message}); mail is neither taken nor sent until it is back`,
    );
  }

  private ready(client: RedisClient): void {
    if (this.down) this.logger.log(`Redis of queue ${this.queue.name} is back`);
    this.down = false;
    this.onReady();
    // INFO, since CONFIG is often forbidden where Redis is managed.
    client.info('memory').then(
      (info) => this.judge(/^maxmemory_policy:(\S+)/m.exec(info)?.[1]),
      () => undefined,
    );
  }

  private judge(policy: string | undefined): void {
    if (policy === this.warnedOf) return;
    this.warnedOf = policy;
    if (policy === undefined || policy === 'noeviction') return;
    this.logger.warn(
      `Redis of queue ${this.queue.name} has maxmemory-policy ${policy} and may throw mail away when it is full. Set it to noeviction: CONFIG SET maxmemory-policy noeviction, and in redis.conf`,
    );
  }
}
