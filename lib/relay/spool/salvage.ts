import { performance } from 'node:perf_hooks';
import { faultKind, messageOf } from './faults.js';
import type { SpoolFile } from './spool-file.js';
import type { SqlRow, SqlValue } from './sqlite.js';

/** Damage that is not met again for so long, in milliseconds, was a read that failed and passed. */
const DAMAGE_FOR_MS = 60_000;
/** What SQLite said of pages that it cannot read. */
export interface Damage {
  readonly kind: 'corrupt' | 'read';
  readonly message: string;
}

/** Gets past the damaged pages of a file, and remembers what it met there. */
export class Salvage {
  /** Rows left out for now, so that those behind them get their turn. */
  private readonly lost = new Set<SqlValue>();
  private damage?: Damage;
  private metAt = 0;

  constructor(private readonly file: SpoolFile) {}

  /** What was met, while it is met again and again: it stays until somebody repairs the file. */
  get known(): Damage | undefined {
    return performance.now() - this.metAt < DAMAGE_FOR_MS ? this.damage : undefined;
  }

  /** Does what may meet a damaged page: undefined if it did. */
  skipDamage<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      const kind = faultKind(error);
      if (kind !== 'corrupt' && kind !== 'read') throw error;
      this.damage = { kind, message: messageOf(error) };
      this.metAt = performance.now();
      this.file.renew();
      return undefined;
    }
  }

  /** Does `work` with `max` of the rows that `list` returns, those left out that it fails for. */
  each<T>(
    list: (limit: number) => SqlRow[],
    max: number,
    work: (seq: SqlValue) => T | undefined,
  ): T[] {
    const found = this.skipDamage(() => list(max + this.lost.size)) ?? [];
    return found.flatMap(({ seq = null }) => {
      if (this.lost.has(seq)) return [];
      const result = this.skipDamage(() => work(seq));
      if (result !== undefined) return [result];
      this.lost.add(seq);
      return [];
    });
  }

  /** Leaves no row out any more: some fail only for the page beside theirs, which may have room by now. */
  startOver(): void {
    this.lost.clear();
  }
}
