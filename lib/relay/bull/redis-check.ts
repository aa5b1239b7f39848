import { Logger } from '@nestjs/common';
import type { BullQueue, RedisClient } from './bull-queue.js';

/** Says once, each time that it changes, whether Redis is there and fit to keep mail. */
export class RedisCheck {
  private readonly logger = new Logger('MailRelay');
  private down = false;
  private warnedOf?: string;

  constructor(
    private readonly queue: BullQueue,
    isUp: () => boolean,
  ) {
    queue.on('error', ({ message }) => {
      if (this.down || isUp()) return;
      this.down = true;
      this.logger.warn(
        `Redis of queue ${queue.name} is not there (${message}); mail is neither taken nor sent until it is back`,
      );
    });
  }

  up(client: RedisClient): void {
    if (this.down) this.logger.log(`Redis of queue ${this.queue.name} is back`);
    this.down = false;
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
