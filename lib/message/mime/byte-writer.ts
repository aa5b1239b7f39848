import { LF } from './bytes.js';

/** Up to this size one buffer serves every message; a larger one is given away with its message. */
const KEPT_BYTES = 64 * 1024;

/** Appends bytes to a buffer that grows. `take` hands the result over and starts afresh. */
export class ByteWriter {
  /** Written up to `length`; only valid until the next `ensure`, `text` or `take`. */
  buffer: Buffer;
  length = 0;

  constructor(capacity = KEPT_BYTES) {
    this.buffer = Buffer.allocUnsafeSlow(capacity);
  }

  /** Makes room for `extra` more bytes. */
  ensure(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  /**
   * Appends `text` as UTF-8, never as latin1: a character whose low byte is CR or LF must not become
   * a line end. Answers whether all of it was ASCII.
   */
  text(text: string): boolean {
    this.ensure(text.length * 3);
    const written = this.buffer.write(text, this.length);
    this.length += written;
    return written === text.length;
  }

  /** Ends the last line, if it has not ended. */
  endLine(): void {
    if (this.length > 0 && this.buffer[this.length - 1] !== LF) this.text('\r\n');
  }

  /** The bytes so far, for the caller to keep. */
  take(): Buffer {
    const { buffer, length } = this;
    this.length = 0;
    if (buffer.length === KEPT_BYTES) return Buffer.from(buffer.subarray(0, length));
    this.buffer = Buffer.allocUnsafeSlow(KEPT_BYTES);
    // A copy costs less than holding on to much unused memory while the mail waits.
    return length < buffer.length / 2
      ? Buffer.from(buffer.subarray(0, length))
      : buffer.subarray(0, length);
  }

  /** Forgets what was written since the last `take`. */
  reset(): void {
    this.length = 0;
    if (this.buffer.length !== KEPT_BYTES) this.buffer = Buffer.allocUnsafeSlow(KEPT_BYTES);
  }
}
