import { Logger } from '@nestjs/common';
import { MailConfigurationError } from '../../base/errors.js';
import type { RedisClient } from '../redis/redis-client.js';
import { runScript, type RedisLink } from '../redis/redis-link.js';
import type { ForeignJob } from '../relay.js';
import type { BullQueue } from './bull-queue.js';
import type { ScriptName } from './scripts.js';

export interface AdmissionParts {
  /** Names Redis in the log. */
  readonly where: string;
  readonly queue: BullQueue;
  /** What all keys of mail begin with. */
  readonly base: string;
  /** The queue in which release 0.1.0 kept the mail of this one. */
  readonly formerQueue: string;
  readonly isProducer: boolean;
  /** Whether the queue is the app's, whose jobs lie beside the mail. */
  readonly sharesQueue: boolean;
}

/** Whether a queue of this name, in this Redis, is one to keep mail in. */
export class Admission {
  private readonly logger = new Logger('MailRelay');
  private readonly outer: string;
  private told?: string;
  private remembers = false;
  /** What the keys of the queue begin with in which release 0.1.0 may have left mail. */
  readonly formerBase: string;

  constructor(private readonly parts: AdmissionParts) {
    const { queue, formerQueue } = parts;
    this.outer = queue.toKey('');
    const prefix = this.outer.slice(0, -queue.name.length - 1);
    this.formerBase = `${prefix}${formerQueue}:`;
  }

  /** `formerBase`, where something of that release's keys may be remembered, else ''. */
  get rememberingBase(): string {
    return this.remembers ? this.formerBase : '';
  }

  /** @returns why not. */
  async admit(client: RedisClient): Promise<MailConfigurationError | undefined> {
    const { base, queue, isProducer, sharesQueue } = this.parts;
    const cluster = /^cluster_enabled:1/m.test(await client.info('cluster'));
    if (cluster && !/\{[^}]+\}/.test(base)) {
      const expected =
        "one with a hash tag, such as `'{mail}'`: a Redis Cluster needs all keys of a queue in one slot";
      return new MailConfigurationError('relay.prefix', expected, `\`${base.split(':', 1)[0]}\``);
    }
    const rights = await this.ask(client, 'relayRights', isProducer ? 0 : 1);
    const [refused, silent] = rights as [string, string];
    if (refused !== '') {
      const expected = `a connection whose user may do all commands on the keys \`${base}*\` and the channel \`${base}work\` (ACL SETUSER … ~${base}* &${base}* +@all)`;
      return new MailConfigurationError('relay.redis', expected, `Redis's answer \`${refused}\``);
    }
    if (silent !== '') this.tell(silent);
    const [bullmq, foreign, former] = await this.neighbours(client);
    if (!this.remembers) {
      this.remembers = (await client.exists(`${this.formerBase}id`).catch(() => 0)) === 1;
    }
    if (bullmq) {
      const expected = 'the name of a queue that BullMQ does not use';
      return new MailConfigurationError(
        'relay.queue',
        expected,
        `\`${queue.name}\`, which it does`,
      );
    }
    if (foreign === '' || sharesQueue || former) return undefined;
    const expected =
      'the name of a queue that is nobody else’s (or `existingQueue: true`, with which mail lies beside its jobs)';
    return new MailConfigurationError(
      'relay.queue',
      expected,
      `\`${queue.name}\`, in which job ${foreign} is none of this package's`,
    );
  }

  /** What others put into a queue of this name since. It is left as it is. */
  async lookForForeign(link: RedisLink<ScriptName>): Promise<readonly ForeignJob[]> {
    const { sharesQueue, queue } = this.parts;
    if (sharesQueue) return [];
    const [bullmq, id] = await link
      .call((client) => this.neighbours(client), { repeatable: true })
      .catch((): Neighbours => [false, '', false]);
    const fix = `give the mail's queue, or theirs, another name than ${queue.name}`;
    const found: ForeignJob[] = [];
    if (bullmq) found.push({ id: `${this.outer}meta`, problem: `BullMQ uses this queue; ${fix}` });
    if (id !== '') found.push({ id, problem: `Somebody else uses this queue; ${fix}` });
    return found;
  }

  private async neighbours(client: RedisClient): Promise<Neighbours> {
    try {
      const answer = await this.ask(client, 'relayNeighbours', this.outer);
      const [bullmq, foreign, former] = answer as [number, string, number];
      return [bullmq === 1, foreign, former === 1];
    } catch (error) {
      // Who may not look at the keys of others does not meet them, either.
      if (/\bNOPERM\b|executing the script can't/.test(String(error))) return [false, '', false];
      throw error;
    }
  }

  private ask(client: RedisClient, name: ScriptName, arg: string | number): Promise<unknown> {
    const { base } = this.parts;
    return runScript(client, name, [`${base}id`, base, '', '', arg]);
  }

  private tell(words: string): void {
    if (this.told === words) return;
    this.told = words;
    const { where, base } = this.parts;
    this.logger.warn(
      `${where} does not let its user publish (${words}): mail is stored, and workers of other processes find it only by looking for it, every \`pollIntervalMs\`. Grant the channel: ACL SETUSER … &${base}*`,
    );
  }
}

type Neighbours = readonly [bullmq: boolean, foreign: string, former: boolean];
