import type { SpoolFile } from './spool-file.js';
import { sqlFaultKind, type SqlRow, type SqlValue } from './sqlite.js';

/** Gets past the damaged pages of a file, and remembers what it met there. */
export class Salvage {
  /** Rows left out for now, so that those behind them get their turn. */
  private readonly lost = new Set<SqlValue>();
  /** What SQLite said of the damage, once it was met: it stays until somebody repairs the file. */
  damage?: string;

  constructor(private readonly file: SpoolFile) {}

  /** Does what may meet a damaged page: undefined if it did. */
  skipDamage<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (sqlFaultKind(error) !== 'corrupt') throw error;
      this.damage = error instanceof Error ? error.message : String(error);
      // A statement of libsql that has failed once fails for good.
      this.file.forgetStatements();
      return undefined;
    }
  }

  /** Does `work` with `max` of the rows that `list` answers, those left out that it fails for. */
  each<T>(list: (limit: number) => SqlRow[], max: number, work: (seq: SqlValue) => T): T[] {
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
