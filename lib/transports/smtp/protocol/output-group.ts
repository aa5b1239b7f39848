/** Content up to this many bytes is copied into the group; longer content is written from where it is. */
const COPY_LIMIT = 16_384;
const SCRATCH_BYTES = 262_144;

/**
 * Collects what goes out in one write: commands are laid into one reused buffer, long content is
 * referred to. The caller must not reset it before the write of `take()` has been called back.
 */
export class OutputGroup {
  /** Bytes collected since the last reset. */
  length = 0;

  private scratch: Buffer | undefined;
  private buffer: Buffer = Buffer.alloc(0);
  private start = 0;
  private end = 0;
  private chunks: Buffer[] = [];
  /** ASCII that has not been laid into the buffer: the commands up to the next content go in as one. */
  private pending = '';

  reset(): void {
    this.scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    this.buffer = this.scratch;
    this.start = 0;
    this.end = 0;
    this.length = 0;
    this.chunks = [];
    this.pending = '';
  }

  /** ASCII only: one byte for each character. */
  ascii(text: string): void {
    this.pending += text;
    this.length += text.length;
  }

  text(text: string): void {
    this.lay();
    const bytes = Buffer.byteLength(text);
    this.reserve(bytes);
    this.end += this.buffer.write(text, this.end, 'utf8');
    this.length += bytes;
  }

  content(bytes: Buffer): void {
    this.lay();
    this.length += bytes.length;
    if (bytes.length <= COPY_LIMIT) {
      this.reserve(bytes.length);
      this.buffer.set(bytes, this.end);
      this.end += bytes.length;
      return;
    }
    this.cut();
    this.chunks.push(bytes);
  }

  /** The buffers to write, in order. */
  take(): Buffer[] {
    this.lay();
    this.cut();
    return this.chunks;
  }

  private lay(): void {
    const { pending } = this;
    if (pending === '') return;
    this.reserve(pending.length);
    this.end += this.buffer.write(pending, this.end, 'latin1');
    this.pending = '';
  }

  private reserve(bytes: number): void {
    if (this.end + bytes <= this.buffer.length) return;
    this.cut();
    this.buffer = Buffer.allocUnsafeSlow(Math.max(SCRATCH_BYTES, bytes));
    this.start = 0;
    this.end = 0;
  }

  private cut(): void {
    if (this.end > this.start) this.chunks.push(this.buffer.subarray(this.start, this.end));
    this.start = this.end;
  }
}
