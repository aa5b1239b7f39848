import { randomFillSync } from 'node:crypto';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** A clock set back by more than this is believed; less is jitter and keeps the order. */
const MAX_STEP_BACK_MS = 10_000;

// One call for many ids: asking the system each time would cost more than all the rest.
const pool = Buffer.alloc(10 * 256);
let used = pool.length;
let lastMs = -1;
let counter = 0;
/** `lastMs` as the id begins, made once for all ids of that millisecond. */
let prefix = '';

/**
 * A UUID of version 7 (RFC 9562 §5.7) for the wall-clock time `now` in milliseconds. Within this
 * process ids ascend, also inside one millisecond (§6.2 method 1: a 12-bit counter, seeded low).
 */
export function uuidv7(now: number): string {
  if (used + 10 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += 10;
  const ms = Math.floor(now);
  if (ms > lastMs || lastMs - ms > MAX_STEP_BACK_MS) {
    begin(ms);
    counter = pool.readUInt16BE(at) & 0x7ff;
  } else {
    counter += 1;
    if (counter > 0xfff) {
      begin(lastMs + 1);
      counter = 0;
    }
  }
  pool[at + 2] = 0x80 | (pool[at + 2]! & 0x3f);
  const random = pool.toString('hex', at + 2, at + 10);
  const count = (0x7000 | counter).toString(16);
  return `${prefix}${count}-${random.slice(0, 4)}-${random.slice(4)}`;
}

function begin(ms: number): void {
  lastMs = ms;
  const time = ms.toString(16).padStart(12, '0');
  prefix = `${time.slice(0, 8)}-${time.slice(8)}-`;
}

export function isUuidV7(value: unknown): value is string {
  return typeof value === 'string' && UUID_V7.test(value);
}
