import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { RELAY_PRIORITIES } from '../relay.js';
import { SpoolFault } from './faults.js';
import { performance } from 'node:perf_hooks';
import { READY, SENT, WAITING } from './schema.js';
import type { SpoolFile } from './spool-file.js';
import type { SqlRow } from './sqlite.js';
import type { FirstMail, NewRow, StoreOptions } from './store.types.js';

/** How long a look at the free space counts, in milliseconds. */
const FREE_SPACE_FOR_MS = 250;
/** At most, in UTF-8, in the log and in the file. */
const BYTES_OF_A_CHARACTER = 6;

/** Over the id, too: a body that sits beside another job's row is as bad as a damaged one. */
export function checksumOf(id: string, body: string): number {
  return crc32(body, crc32(id));
}

/** The door of the spool. */
export class Intake {
  private freeCheckedAt = Number.NEGATIVE_INFINITY;
  /** Characters that may be stored before the disk is looked at again. */
  private allowance = 0;

  constructor(
    private readonly file: SpoolFile,
    private readonly options: StoreOptions,
  ) {}

  /** Stores all in one transaction, durable when it returns. Returns for each null, or the first mail. */
  enqueue(rows: readonly NewRow[], now: number): (FirstMail | null)[] {
    this.checkSpace(rows.reduce((sum, { body }) => sum + body.length, 0));
    const stored = this.file.write(() => rows.map((row) => this.insert(row, now)));
    if (!this.file.isInPlace) {
      throw new SpoolFault('moved', 'just as the mail was stored; it may be saved by now', true);
    }
    return stored;
  }

  private insert(row: NewRow, now: number): FirstMail | null {
    const { id, messageId, mailer, priority, queuedAt, bornAt, dueAt, key, digest, body } = row;
    if (key !== null) {
      const first = this.file
        .sql('SELECT id, message_id, digest, expires_at FROM keys WHERE key = ?')
        .get(key);
      if (first && !this.isOver(first, now)) return firstOf(first);
    }
    const waits = dueAt !== null && dueAt > now;
    const { changes, lastInsertRowid } = this.file
      .sql(
        `INSERT INTO jobs (id, message_id, mailer, state, priority, queued_at, born_at, due_at, size, checksum)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
      )
      .run(
        id,
        messageId,
        mailer,
        waits ? WAITING : READY,
        RELAY_PRIORITIES.indexOf(priority),
        queuedAt,
        bornAt,
        waits ? dueAt : null,
        body.length,
        checksumOf(id, body),
      );
    // The same mail again is no fault of its neighbours in the group.
    if (Number(changes) === 0) return { id, messageId, digest };
    if (key !== null) {
      this.file
        .sql(
          'INSERT OR REPLACE INTO keys (key, id, message_id, digest, expires_at) VALUES (?, ?, ?, ?, ?)',
        )
        .run(key, id, messageId, digest, now + this.options.idempotencyTtlMs);
    }
    // What stood there is of a row that is gone, and was on a damaged page.
    this.file
      .sql('INSERT OR REPLACE INTO bodies (seq, body) VALUES (?, ?)')
      .run(Number(lastInsertRowid), body);
    return null;
  }

  /** A key outlives its time as long as its mail is here, and whether it was pruned or not says nothing. */
  private isOver({ id = null, expires_at }: SqlRow, now: number): boolean {
    if (Number(expires_at) > now) return false;
    return (
      this.file.sql(`SELECT 1 FROM jobs WHERE id = ? AND state <> ${SENT}`).get(id) === undefined
    );
  }

  /** Keeps some space back, so that what is inside can still be recorded as sent when the disk fills up. */
  private checkSpace(characters: number): void {
    const { minFreeBytes, path } = this.options;
    const at = performance.now();
    this.allowance -= characters;
    if (minFreeBytes === 0) return;
    if (this.allowance >= 0 && at - this.freeCheckedAt < FREE_SPACE_FOR_MS) return;
    const { bavail, bsize } = statfsSync(dirname(path));
    const free = bavail * bsize;
    if (free < minFreeBytes) {
      const fix = `make room, or lower \`minFreeBytes\``;
      throw new SpoolFault('full', `${free} bytes are free, and \`minFreeBytes\` keeps ${minFreeBytes} back for what is stored already: ${fix}`); // prettier-ignore
    }
    this.allowance = (free - minFreeBytes) / BYTES_OF_A_CHARACTER - characters;
    this.freeCheckedAt = at;
  }
}

/** A key of 0.1.0 has no digest. */
function firstOf({ id, message_id, digest }: SqlRow): FirstMail {
  return {
    id: String(id),
    messageId: String(message_id),
    digest: typeof digest === 'string' ? digest : null,
  };
}
