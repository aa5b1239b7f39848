import { LF } from './bytes.js';

/** What most messages fit into; only a larger message gets a buffer of its own. */
const KEPT_BYTES = 64 * 1024;

/**
 * Small messages share a slab: memory outside the heap costs most when it is asked for. A message that
 * lives on keeps its slab alive, so it is no bigger than a few of them.
 */
const SLAB_BYTES = 64 * 1024;
const LARGEST_IN_SLAB = 16 * 1024;

/** Appends bytes to a buffer that grows. `take` hands the result over and starts afresh. */
export class ByteWriter {
  /** Written up to `length`; only valid until the next `ensure`, `text` or `take`. */
  buffer: Buffer;
  /** The same memory, for four bytes at a time. */
  view: DataView;
  length = 0;
  private slab: Buffer | undefined;
  private slabUsed = 0;
  private readonly kept: Buffer;
  private readonly keptView: DataView;

  constructor() {
    this.kept = this.buffer = Buffer.allocUnsafeSlow(KEPT_BYTES);
    this.keptView = this.view = viewOf(this.kept);
  }

  /** Makes room for `extra` more bytes. */
  ensure(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
    this.view = viewOf(grown);
  }

  /**
   * Appends `text` as UTF-8, never as latin1: a character whose low byte is CR or LF must not become
   * a line end. Returns whether all of it was ASCII.
   */
  text(text: string): boolean {
    this.ensure(text.length * 3);
    const written = this.buffer.write(text, this.length);
    this.length += written;
    return written === text.length;
  }

  /** Appends bytes as they are. */
  bytes(bytes: Uint8Array): void {
    this.ensure(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Ends the last line, if it has not ended. */
  endLine(): void {
    if (this.length > 0 && this.buffer[this.length - 1] !== LF) this.text('\r\n');
  }

  /** The bytes so far, for the caller to keep. */
  take(): Buffer {
    const { buffer, length } = this;
    const ours = buffer === this.kept;
    this.reset();
    // A copy costs less than holding on to much unused memory while the mail waits.
    if (!ours && length > buffer.length / 2) return buffer.subarray(0, length);
    const copy = this.place(length);
    buffer.copy(copy, 0, 0, length);
    return copy;
  }

  private place(length: number): Buffer {
    if (length > LARGEST_IN_SLAB) return Buffer.allocUnsafeSlow(length);
    if (!this.slab || this.slabUsed + length > SLAB_BYTES) {
      this.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.slabUsed = 0;
    }
    const start = this.slabUsed;
    this.slabUsed += length;
    return this.slab.subarray(start, this.slabUsed);
  }

  /** Forgets what was written since the last `take`. */
  reset(): void {
    this.length = 0;
    this.buffer = this.kept;
    this.view = this.keptView;
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
