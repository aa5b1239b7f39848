import { performance } from 'node:perf_hooks';
import type { Owners } from './owners.js';
import { LEASED, READY } from './schema.js';
import type { SpoolFile } from './spool-file.js';

/** How often the leases of others are looked at, in milliseconds. */
const RECOVER_EVERY_MS = 1_000;
/** The clock was set, or the machine slept, when it runs ahead of the monotonic one by this much, in milliseconds. */
const JUMP_MS = 1_000;

/** Takes leases back from who is gone, whoever leases. */
export class Recovery {
  private recoveredAt = Number.NEGATIVE_INFINITY;
  /** The wall clock less the monotonic one, when they were last looked at. */
  private offset = Number.NEGATIVE_INFINITY;
  /** From then on, by the monotonic clock, who lives has had the time to renew its leases. */
  private trustedFrom = 0;

  constructor(
    private readonly file: SpoolFile,
    private readonly owners: Owners,
    private readonly leaseMs: number,
  ) {}

  /** Takes back what processes hold that are gone, at once, or whose lease has run out. */
  recover(now: number): void {
    if (performance.now() - this.recoveredAt < RECOVER_EVERY_MS) return;
    this.recoveredAt = performance.now();
    const until = this.endOf(now);
    const others = this.file
      .sql(`SELECT DISTINCT owner FROM jobs WHERE state = ${LEASED} AND owner <> ?`)
      .all(this.owners.id)
      .map((row) => String(row['owner']));
    const dead = others.filter((owner) => this.owners.isDead(owner));
    const expired = this.file
      .sql(`SELECT 1 FROM jobs WHERE state = ${LEASED} AND lease_until <= ? LIMIT 1`)
      .get(until);
    if (dead.length === 0 && !expired) return;
    const giveBack = `UPDATE jobs SET state = ${READY}, owner = NULL, lease_until = NULL
                      WHERE state = ${LEASED} AND`;
    this.file.write(() => {
      for (const owner of dead.filter((one) => this.owners.bury(one))) {
        this.file.sql(`${giveBack} owner = ?`).run(owner);
      }
      // A lease of our own runs out, too, when this process was stopped for long.
      this.file.sql(`${giveBack} lease_until <= ?`).run(until);
    });
  }

  /**
   * Leases up to then have run out. None has for the length of a lease after the clock was set forward,
   * and after the start, which may have followed that: everybody who lives seems late at once.
   */
  private endOf(now: number): number {
    const at = performance.now();
    const offset = now - at;
    if (offset - this.offset > JUMP_MS) this.trustedFrom = at + this.leaseMs;
    this.offset = offset;
    return at < this.trustedFrom ? 0 : now;
  }
}
