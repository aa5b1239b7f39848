import { performance } from 'node:perf_hooks';
import { faultKind, messageOf } from './faults.js';
import type { Owners } from './owners.js';
import type { Salvage } from './salvage.js';
import { DEAD, LEASED, READY, SENT, WAITING } from './schema.js';
import type { SettledEntry, SettledJournal } from './settled-journal.js';
import type { SpoolFile } from './spool-file.js';
import type { SqlValue } from './sqlite.js';
import type { LeasedRow, NotSent, StoreOptions } from './store.types.js';

/** How often what stands in the journal is tried again, in milliseconds. */
const APPLY_EVERY_MS = 1_000;

/** The one value given is a JSON array: a statement for many costs little more than for one. */
const ID_LIST = 'id IN (SELECT value FROM json_each(?))';
const LIVE = `state IN (${READY}, ${WAITING}, ${LEASED})`;

interface Unrecorded {
  readonly beside: readonly SettledEntry[];
  readonly lost: readonly SettledEntry[];
}

export interface LeaseEndsParts {
  readonly file: SpoolFile;
  readonly owners: Owners;
  readonly salvage: Salvage;
  readonly journal: SettledJournal;
  readonly options: Pick<StoreOptions, 'leaseMs' | 'keepSentMs'>;
  readonly tell: (notice: string) => void;
}

/**
 * How leases end. An outcome is recorded by the mail's id; where a page of that index is damaged, by the
 * mail's row; where the file takes neither, in the journal beside it: no mail is sent again for that.
 */
export class LeaseEnds {
  /** Rows of the leases that are ours, by the mail's id. */
  private readonly rows = new Map<string, SqlValue>();
  private appliedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly parts: LeaseEndsParts) {}

  leased(id: string, seq: SqlValue): void {
    this.rows.set(id, seq);
  }

  /** What is leased, as the journal has it: nothing where the mail is settled, or waits. */
  asSettled(row: LeasedRow, now: number): LeasedRow | undefined {
    const entry = this.parts.journal.get(row.id);
    if (!entry) return row;
    const { outcome, dueAt = 0, attempts = 0, unknowns = 0, open } = entry;
    if (outcome !== 'deferred' || dueAt > now) return undefined;
    return row.attempts >= attempts ? row : { ...row, attempts, unknowns, open: open ?? row.open };
  }

  /** Returns the ids of those that could be recorded nowhere. */
  settle(sent: readonly string[], others: readonly NotSent[], now: number): readonly string[] {
    const { journal, options } = this.parts;
    const entries = entriesOf(sent, others, now, {
      dueAt: now + options.keepSentMs,
      seqOf: (id) => this.rows.get(id) ?? null,
    });
    const { beside, lost } = this.record(entries);
    for (const entry of entries) if (!lost.includes(entry)) this.rows.delete(entry.id);
    const taken = entries.filter((entry) => !beside.includes(entry) && !lost.includes(entry));
    const known = journal.size === 0 ? [] : taken.filter(({ id }) => journal.get(id));
    if (known.length > 0) journal.add(known.map(recorded));
    return lost.map(({ id }) => id);
  }

  release(ids: readonly string[]): void {
    this.ofMine(ids, `UPDATE jobs SET state = ${READY}, owner = NULL, lease_until = NULL`, []);
    for (const id of ids) this.rows.delete(id);
  }

  /** Returns those that are still ours. */
  heartbeat(ids: readonly string[], now: number): string[] {
    return this.ofMine(ids, 'UPDATE jobs SET lease_until = ?', [now + this.parts.options.leaseMs]);
  }

  /** Tries again what the file has not taken yet. */
  applyJournal(): void {
    const { journal, salvage } = this.parts;
    journal.refresh();
    if (performance.now() - this.appliedAt < APPLY_EVERY_MS) return;
    this.appliedAt = performance.now();
    const taken = journal.list().filter((entry) => salvage.skipDamage(() => this.apply(entry)));
    if (taken.length > 0) journal.add(taken.map(recorded));
    journal.tidy();
  }

  /** Returns what only the journal has taken, and what not even that has. */
  private record(entries: readonly SettledEntry[]): Unrecorded {
    const { file, journal, tell } = this.parts;
    try {
      file.write(() => this.recordAll(entries));
      return { beside: [], lost: [] };
    } catch (error) {
      const kind = faultKind(error);
      if (kind === 'busy') throw error;
      file.renew();
      const isDamaged = kind === 'corrupt' || kind === 'read';
      const left = isDamaged ? entries.filter((entry) => !this.recordSomehow(entry)) : entries;
      if (left.length === 0) return { beside: [], lost: [] };
      try {
        journal.add(left);
      } catch {
        if (!isDamaged) throw error;
        return { beside: [], lost: left };
      }
      tell(
        `Outcomes are not recorded in ${file.path} (${messageOf(error)}), and stand in ${journal.path} instead: keep the two together. None of that mail is sent again`,
      );
      return { beside: left, lost: [] };
    }
  }

  private recordAll(entries: readonly SettledEntry[]): void {
    const sent = entries.filter(({ outcome }) => outcome === 'sent');
    const changes = sent.length === 0 ? 0 : this.recordSent(sent);
    // An index may lack a row without being called damaged. Most often it was settled before.
    if (changes < sent.length) for (const entry of sent) this.recordSentRow(entry);
    for (const entry of entries) {
      if (entry.outcome === 'sent') continue;
      if (this.recordOther(entry, 'id = ?', [entry.id]) === 0 && entry.seq !== null) {
        this.recordOther(entry, 'seq = ? AND id = ?', [entry.seq, entry.id]);
      }
    }
  }

  /** One way after the other, past the pages that are damaged. A body that stays behind is no reason to send it. */
  private recordSomehow(entry: SettledEntry): boolean {
    const { file, salvage } = this.parts;
    const { id, seq } = entry;
    const row = [seq, id];
    const ways: readonly (() => unknown)[] =
      entry.outcome === 'sent'
        ? [
            () => this.recordSent([entry]),
            () => this.recordSentRow(entry),
            () => file.sql(`DELETE FROM jobs WHERE seq = ? AND id = ? AND ${LIVE}`).run(...row),
            () => this.markSent('seq = ? AND id = ?', row, entry.dueAt),
          ]
        : [
            () => this.recordOther(entry, 'id = ?', [id]),
            () => this.recordOther(entry, 'seq = ? AND id = ?', row),
          ];
    // Without its row there is only the index.
    const possible = seq === null ? ways.slice(0, 1) : ways;
    return possible.some((way) => salvage.skipDamage(() => file.write(() => [way()])));
  }

  /** Whoever holds the lease: a mail that was accepted is not to be sent again. Returns how many there were. */
  private recordSent(entries: readonly SettledEntry[]): number {
    const { file, options } = this.parts;
    const list = JSON.stringify(entries.map(({ id }) => id));
    const live = `${ID_LIST} AND ${LIVE}`;
    if (options.keepSentMs > 0) return this.markSent(ID_LIST, [list], entries[0]?.dueAt);
    file.sql(`DELETE FROM bodies WHERE seq IN (SELECT seq FROM jobs WHERE ${live})`).run(list);
    return Number(file.sql(`DELETE FROM jobs WHERE ${live}`).run(list).changes);
  }

  private recordSentRow({ id, seq, dueAt }: SettledEntry): void {
    if (seq === null) return;
    const { file, options } = this.parts;
    if (options.keepSentMs > 0) {
      this.markSent('seq = ? AND id = ?', [seq, id], dueAt);
      return;
    }
    const live = `seq = ? AND id = ? AND ${LIVE}`;
    const bodies = `DELETE FROM bodies WHERE seq IN (SELECT seq FROM jobs WHERE ${live})`;
    file.sql(bodies).run(seq, id);
    file.sql(`DELETE FROM jobs WHERE ${live}`).run(seq, id);
  }

  private markSent(which: string, given: readonly SqlValue[], dueAt = 0): number {
    const set = `state = ${SENT}, due_at = ?, owner = NULL, lease_until = NULL`;
    const sql = this.parts.file.sql(`UPDATE jobs SET ${set} WHERE ${which} AND ${LIVE}`);
    return Number(sql.run(dueAt, ...given).changes);
  }

  /** Only while the lease is ours: whoever took it over decides now. */
  private recordOther(entry: SettledEntry, which: string, given: readonly SqlValue[]): number {
    const mine = `state = ${LEASED} AND owner = ?`;
    return this.updateOther(entry, `${which} AND ${mine}`, [...given, this.parts.owners.id]);
  }

  private updateOther(entry: SettledEntry, which: string, given: readonly SqlValue[]): number {
    const { outcome, dueAt, delayMs, open, reason, failure, attempts = 0, unknowns = 0 } = entry;
    const sql = this.parts.file.sql(
      `UPDATE jobs SET state = ?, due_at = ?, delay_ms = ?, attempts = ?, unknowns = ?,
         open = coalesce(?, open), reason = ?, failure = ?, owner = NULL, lease_until = NULL WHERE ${which}`,
    );
    const state = outcome === 'deferred' ? WAITING : DEAD;
    const values = [state, dueAt, delayMs, attempts, unknowns, open, reason, failure];
    return Number(sql.run(...values.map((value) => value ?? null), ...given).changes);
  }

  /** What an entry of this process or another says, whoever holds the lease by now. */
  private apply(entry: SettledEntry): true {
    const { file } = this.parts;
    const { id, seq, attempts = 0 } = entry;
    if (entry.outcome === 'sent') {
      if (!this.recordSomehow(entry)) file.write(() => this.recordSent([entry]));
      return true;
    }
    // A later attempt has more to say.
    const before = `state IN (${READY}, ${LEASED}) AND attempts <= ?`;
    file.write(() => {
      if (this.updateOther(entry, `id = ? AND ${before}`, [id, attempts]) > 0) return;
      this.updateOther(entry, `seq = ? AND id = ? AND ${before}`, [seq, id, attempts]);
    });
    return true;
  }

  /** Updates what is leased by us. Returns what that was. */
  private ofMine(ids: readonly string[], update: string, given: readonly SqlValue[]): string[] {
    const { file, owners, salvage } = this.parts;
    const mine = `state = ${LEASED} AND owner = ?`;
    const run = (which: string, values: readonly SqlValue[]) =>
      salvage.skipDamage(() =>
        file.write(() => {
          const found = file.sql(`SELECT id FROM jobs WHERE ${which}`).all(...values);
          if (found.length > 0) file.sql(`${update} WHERE ${which}`).run(...given, ...values);
          return found.map(({ id }) => String(id));
        }),
      );
    const all = run(`${ID_LIST} AND ${mine}`, [JSON.stringify(ids), owners.id]);
    if (all?.length === ids.length) return all;
    // The index has a damaged page, or lacks rows.
    const found = new Set(all);
    return ids.filter((id) => {
      const seq = this.rows.get(id);
      if (found.has(id) || seq === undefined) return found.has(id);
      return run(`seq = ? AND id = ? AND ${mine}`, [seq, id, owners.id])?.length === 1;
    });
  }
}

interface EntryOptions {
  /** Until when sent mail is kept, in milliseconds since the Unix epoch. */
  readonly dueAt: number;
  readonly seqOf: (id: string) => SqlValue;
}

export function entriesOf(
  sent: readonly string[],
  others: readonly NotSent[],
  now: number,
  { dueAt, seqOf }: EntryOptions = { dueAt: now, seqOf: () => null },
): readonly SettledEntry[] {
  return [
    ...sent.map((id) => ({ id, seq: seqOf(id), outcome: 'sent', dueAt }) as const),
    ...others.map((settlement) => entryOf(settlement, seqOf(settlement.id), now)),
  ];
}

function entryOf(settlement: NotSent, seq: SqlValue, now: number): SettledEntry {
  const { id, outcome, attempts, unknowns, open } = settlement;
  const failure = JSON.stringify(settlement.failure);
  const common = { id, seq, attempts, unknowns, open: open ? JSON.stringify(open) : null, failure };
  if (outcome === 'dead') return { ...common, outcome, reason: settlement.reason };
  const { delayMs } = settlement;
  return { ...common, outcome, dueAt: now + delayMs, delayMs };
}

function recorded({ id, seq }: SettledEntry): SettledEntry {
  return { id, seq, outcome: 'recorded' };
}
