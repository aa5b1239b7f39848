import { setImmediate } from 'node:timers';
import type { Clock } from '../../base/clock.js';
import { MailRelayError } from '../../base/errors.js';
import type { FirstMail, NewRow } from './store.types.js';

/** More in one transaction would keep others of the file waiting, and memory full. */
const MAX_ROWS = 1_000;
const MAX_CHARACTERS = 16 * 1024 * 1024;
/** One is with the disk while the next is being made; a third would only wait behind them. */
const MAX_RUNNING = 2;
/** From so many on it pays to sync twice, so that the processor and the disk work at the same time. */
const WORTH_TWO = 32;

interface Entry {
  readonly rows: readonly NewRow[];
  readonly characters: number;
  readonly since: number;
  readonly resolve: (answers: readonly (FirstMail | null)[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets what is stored at the same time share one sync of the disk: while one transaction is on its
 * way, the next one collects.
 */
export class GroupCommit {
  private waiting: Entry[] = [];
  private readonly running = new Set<readonly Entry[]>();
  private scheduled = false;
  private stopWatch?: () => void;
  private readonly idle: (() => void)[] = [];

  constructor(
    private readonly store: (rows: readonly NewRow[]) => Promise<readonly (FirstMail | null)[]>,
    /** After this many milliseconds a caller is answered, whatever the disk does. */
    private readonly timeoutMs: number,
    private readonly clock: Clock,
  ) {}

  add(rows: readonly NewRow[]): Promise<readonly (FirstMail | null)[]> {
    return new Promise((resolve, reject) => {
      const characters = rows.reduce((sum, { body }) => sum + body.length, 0);
      const since = this.clock.monotonic();
      this.waiting.push({ rows, characters, since, resolve, reject });
      this.schedule();
      this.stopWatch ??= this.watch();
    });
  }

  /** Once everything that was added is answered. */
  whenIdle(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private get isIdle(): boolean {
    return this.waiting.length === 0 && this.running.size === 0;
  }

  /** After this turn of the event loop, so that all that it brings comes along. */
  private schedule(): void {
    if (this.scheduled || this.running.size >= MAX_RUNNING || this.waiting.length === 0) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      void this.commit();
    });
  }

  private async commit(): Promise<void> {
    const group = this.takeGroup();
    if (group.length === 0) {
      this.afterwards();
      return;
    }
    this.running.add(group);
    this.schedule();
    try {
      const answers = await this.store(group.flatMap(({ rows }) => rows));
      let from = 0;
      for (const { rows, resolve } of group) resolve(answers.slice(from, (from += rows.length)));
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    this.running.delete(group);
    this.afterwards();
  }

  private afterwards(): void {
    if (!this.isIdle) {
      this.schedule();
      return;
    }
    this.stopWatch?.();
    this.stopWatch = undefined;
    for (const resolve of this.idle.splice(0)) resolve();
  }

  private takeGroup(): Entry[] {
    const alone = this.running.size === 0 && this.waiting.length >= WORTH_TWO;
    const most = alone ? Math.ceil(this.waiting.length / 2) : this.waiting.length;
    let rows = 0;
    let characters = 0;
    const fits = (entry: Entry) => {
      rows += entry.rows.length;
      characters += entry.characters;
      return rows <= MAX_ROWS && characters <= MAX_CHARACTERS;
    };
    const end = this.waiting.findIndex((entry, index) => !fits(entry) && index > 0);
    return this.waiting.splice(0, end === -1 ? most : Math.min(end, most));
  }

  private watch(): () => void {
    return this.clock.after(Math.max(1, this.timeoutMs / 10), () => {
      const late = ({ since }: Entry) => this.clock.monotonic() - since >= this.timeoutMs;
      const words = `The spool did not answer within ${this.timeoutMs} ms`;
      for (const entry of [...this.running].flat().filter(late)) {
        entry.reject(new MailRelayError(words, { disposition: 'unknown' }));
      }
      // These never left this process.
      for (const entry of this.waiting.filter(late)) entry.reject(new MailRelayError(words));
      this.waiting = this.waiting.filter((entry) => !late(entry));
      this.stopWatch = this.watch();
    });
  }
}
