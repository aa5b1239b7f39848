import { Logger } from '@nestjs/common';
import type { Clock } from '../../base/clock.js';
import type { ForeignJob } from '../relay.js';
import type { ResolvedBullOptions } from './bull.options.js';
import { tooManyDeaths } from './encode-settlement.js';
import { OwnerWatch } from './owner-watch.js';
import type { ScriptName } from './scripts.js';

/** How often jobs whose worker died are looked for, in milliseconds. */
const RECOVER_EVERY_MS = 1_000;
const ADOPTED_PAGES = 5;

export interface RecoveryParts {
  readonly run: (name: ScriptName, args: readonly (string | number)[]) => Promise<unknown>;
  /** Those that lease, each with its number. */
  readonly beats: () => Promise<Record<string, string>>;
  /** What the keys of the queue begin with in which release 0.1.0 may have left mail. */
  readonly formerBase: string;
  /** What others put into a queue of this name. */
  readonly foreign: () => Promise<readonly ForeignJob[]>;
  readonly self: string;
  readonly options: Pick<ResolvedBullOptions, 'leaseMs' | 'pollIntervalMs' | 'maxStalledCount'>;
  readonly clock: Clock;
  /** Names Redis in the log. */
  readonly where: string;
}

/** Brings back what nobody works on: mail of workers that died, and of a release before this one. */
export class Recovery {
  private readonly logger = new Logger('MailRelay');
  private readonly watch: OwnerWatch;
  private recoveredAt = Number.NEGATIVE_INFINITY;
  private passOver = 0;
  private told = false;

  constructor(private readonly parts: RecoveryParts) {
    const { clock, self, options } = parts;
    // One look after a stop never fills a lease.
    const usual = 2 * Math.max(RECOVER_EVERY_MS, options.pollIntervalMs);
    const longestGapMs = Math.min(usual, options.leaseMs / 2);
    this.watch = new OwnerWatch(clock, { self, silenceMs: options.leaseMs, longestGapMs });
  }

  /** Does so once a second at most. Returns what is none of ours. */
  async recover(): Promise<readonly ForeignJob[]> {
    const now = this.parts.clock.monotonic();
    if (now - this.recoveredAt < RECOVER_EVERY_MS) return [];
    this.recoveredAt = now;
    await this.takeFromTheDead();
    await this.adopt();
    return this.parts.foreign();
  }

  private async takeFromTheDead(): Promise<void> {
    const { run, beats, clock, options } = this.parts;
    const silent = this.watch.look(await beats());
    if (silent.length === 0) return;
    const failure = JSON.stringify(tooManyDeaths(clock.now()));
    const args = [options.maxStalledCount, failure, ...silent.flat()];
    while ((await run('relayRecover', args)) === 1);
  }

  /** So many pages at once; the queue of that name may hold any number of jobs of others. */
  private async adopt(): Promise<void> {
    const { run, formerBase, where } = this.parts;
    let adopted = 0;
    try {
      for (let page = 0; page < ADOPTED_PAGES; page += 1) {
        const answer = await run('relayAdopt', [formerBase, this.passOver]);
        const [moved = 0, more = 0, passOver = 0] = answer as number[];
        adopted += moved;
        this.passOver = passOver;
        if (more === 0) break;
      }
    } catch (error) {
      // Mail of this release goes out all the same.
      if (!this.told)
        this.logger.warn(`${where}: ${formerBase} is not looked at: ${String(error)}`);
      this.told = true;
    }
    if (adopted === 0) return;
    this.logger.log(
      `${where}: ${adopted} mails that release 0.1.0 left below ${formerBase} are taken over`,
    );
  }
}
