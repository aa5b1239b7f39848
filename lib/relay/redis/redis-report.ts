import { Logger } from '@nestjs/common';
import type { RedisClient } from './redis-client.js';

/** How well a Redis keeps what it acknowledged, as far as it says so. */
export interface RedisDurability {
  /** When the append-only file is synced; `off` without one, absent where Redis does not tell. */
  readonly appendfsync?: 'always' | 'everysec' | 'no' | 'off';
  /** Whether it writes snapshots; absent where Redis does not tell. */
  readonly snapshots?: boolean;
  readonly replicas: number;
  /** Replicas without which it takes nothing; absent where Redis does not tell. */
  readonly minReplicas?: number;
  /** `maxmemory-policy`. */
  readonly eviction?: string;
}

/** INFO first, since CONFIG is often forbidden where Redis is managed. */
export async function readDurability(client: RedisClient): Promise<RedisDurability> {
  const [memory, persistence, replication] = await Promise.all(
    ['memory', 'persistence', 'replication'].map((section) => client.info(section)),
  );
  const info = `${memory}\n${persistence}\n${replication}`;
  const told = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  const config = (name: string) => configOf(client, name);
  const [fsync, save, minReplicas] = await Promise.all([
    config('appendfsync'),
    config('save'),
    config('min-replicas-to-write'),
  ]);
  const off = told('aof_enabled') === '0';
  const known = (['always', 'everysec', 'no'] as const).find((one) => one === fsync);
  const appendfsync = off ? 'off' : known;
  const eviction = told('maxmemory_policy');
  return {
    ...(appendfsync && { appendfsync }),
    ...(save !== undefined && { snapshots: save !== '' }),
    replicas: Number(told('connected_slaves') ?? 0),
    ...(minReplicas !== undefined && { minReplicas: Number(minReplicas) }),
    ...(eviction !== undefined && { eviction }),
  };
}

async function configOf(client: RedisClient, name: string): Promise<string | undefined> {
  const answer = await client.config('GET', name).catch(() => undefined);
  return Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] : undefined;
}

/** The state in one line. */
export function describeDurability(durability: RedisDurability): string {
  const { appendfsync, snapshots, replicas, eviction = 'unknown' } = durability;
  const file = {
    always: 'appendonly yes, appendfsync always (an acknowledged mail is on disk)',
    everysec: 'appendonly yes, appendfsync everysec (a power cut may lose the last second)',
    no: 'appendonly yes, appendfsync no (a power cut may lose what the system has not written yet)',
    off: 'appendonly no',
    unknown: 'appendonly yes, appendfsync unknown',
  }[appendfsync ?? 'unknown'];
  const saved = { true: 'on', false: 'off', undefined: 'unknown' }[`${snapshots}`];
  return `${file}, snapshots ${saved}, ${replicas} replicas, maxmemory-policy ${eviction}`;
}

/** What may cost mail, each with its fix. */
export function risksOf(durability: RedisDurability): string[] {
  const { appendfsync, snapshots, replicas, minReplicas, eviction } = durability;
  const risks: string[] = [];
  if (appendfsync === 'off') {
    risks.push(
      snapshots === false
        ? 'keeps neither an append-only file nor snapshots: when it ends, all mail in it is lost. Set appendonly yes: CONFIG SET appendonly yes, and in redis.conf'
        : 'has no append-only file: when it crashes, all mail since its last snapshot is lost. Set appendonly yes: CONFIG SET appendonly yes, and in redis.conf',
    );
  }
  if (eviction !== undefined && eviction !== 'noeviction') {
    risks.push(
      `has maxmemory-policy ${eviction} and may throw mail away when it is full. Set it to noeviction: CONFIG SET maxmemory-policy noeviction, and in redis.conf`,
    );
  }
  if (replicas > 0 && minReplicas === 0) {
    risks.push(
      'has replicas and does not wait for them: a failover loses the mail that it acknowledged and had not passed on. Set min-replicas-to-write 1 and min-replicas-max-lag 10, which bound the loss',
    );
  }
  return risks;
}

/** Says once, each time that it changes, whether Redis is there and how it keeps mail. */
export class RedisReport {
  private readonly logger = new Logger('MailRelay');
  private down = false;
  private said?: string;
  private warned: readonly string[] = [];
  private last?: RedisDurability;

  constructor(
    /** Names Redis in the log. */
    private readonly where: string,
    private readonly isUp: () => boolean,
  ) {}

  /** As Redis last said it. */
  get durability(): RedisDurability | undefined {
    return this.last;
  }

  failed({ message }: Error): void {
    if (this.down || this.isUp()) return;
    this.down = true;
    this.logger.warn(
      `${this.where} is not there (${message}); mail is neither taken nor sent until it is back`,
    );
  }

  up(client: RedisClient): void {
    if (this.down) this.logger.log(`${this.where} is back`);
    this.down = false;
    readDurability(client).then(
      (durability) => this.tell(durability),
      () => undefined,
    );
  }

  private tell(durability: RedisDurability): void {
    this.last = durability;
    const said = describeDurability(durability);
    if (said !== this.said) this.logger.log(`${this.where} has ${said}`);
    this.said = said;
    const risks = risksOf(durability);
    for (const risk of risks) {
      if (!this.warned.includes(risk)) this.logger.warn(`${this.where} ${risk}`);
    }
    this.warned = risks;
  }
}
