import type { Owners } from './owners.js';
import { LEASED, READY, SENT, WAITING } from './schema.js';
import type { SpoolFile } from './spool-file.js';

/** How often the leases of others are looked at, in milliseconds. */
const RECOVER_EVERY_MS = 1_000;
const MAINTAIN_EVERY_MS = 30_000;
/** Rows that one step touches, so that it never holds the write lock for long. */
export const UPKEEP_ROWS = 1_000;

/** What is done now and then, whoever leases. */
export class Upkeep {
  private recoveredAt = Number.NEGATIVE_INFINITY;
  private maintainedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly file: SpoolFile,
    private readonly owners: Owners,
  ) {}

  /** Takes back what processes hold that are gone, at once, or whose lease has run out. */
  recover(now: number): void {
    if (performance.now() - this.recoveredAt < RECOVER_EVERY_MS) return;
    this.recoveredAt = performance.now();
    const others = this.file
      .sql(`SELECT DISTINCT owner FROM jobs WHERE state = ${LEASED} AND owner <> ?`)
      .all(this.owners.id)
      .map((row) => String(row['owner']));
    const dead = others.filter((owner) => this.owners.isDead(owner));
    const expired = this.file
      .sql(`SELECT 1 FROM jobs WHERE state = ${LEASED} AND lease_until <= ? LIMIT 1`)
      .get(now);
    if (dead.length === 0 && !expired) return;
    const giveBack = `UPDATE jobs SET state = ${READY}, owner = NULL, lease_until = NULL
                      WHERE state = ${LEASED} AND`;
    this.file.write(() => {
      for (const owner of dead) this.file.sql(`${giveBack} owner = ?`).run(owner);
      // A lease of our own runs out, too, when this process was stopped for long.
      this.file.sql(`${giveBack} lease_until <= ?`).run(now);
    });
  }

  /** Rows whose time has passed, and times that a clock set back has put too far away. */
  maintain(now: number): void {
    if (performance.now() - this.maintainedAt < MAINTAIN_EVERY_MS) return;
    this.maintainedAt = performance.now();
    this.file.write(() => {
      // The clock was set back: nobody waits for longer than was decided.
      this.file
        .sql(
          `UPDATE jobs SET due_at = ? + delay_ms
           WHERE state = ${WAITING} AND delay_ms IS NOT NULL AND due_at > ? + delay_ms`,
        )
        .run(now, now);
      const old = `SELECT seq FROM jobs WHERE state = ${SENT} AND due_at <= ? ORDER BY due_at LIMIT ${UPKEEP_ROWS}`;
      this.file.sql(`DELETE FROM bodies WHERE seq IN (${old})`).run(now);
      this.file.sql(`DELETE FROM jobs WHERE seq IN (${old})`).run(now);
      // A key outlives its time as long as its mail is here.
      this.file
        .sql(
          `DELETE FROM keys WHERE key IN
           (SELECT key FROM keys WHERE expires_at <= ? AND id NOT IN (SELECT id FROM jobs)
            ORDER BY expires_at LIMIT ${UPKEEP_ROWS})`,
        )
        .run(now);
    });
  }
}
