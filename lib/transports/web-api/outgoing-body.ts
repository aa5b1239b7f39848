/** What goes to the kernel in one piece; undici gets a body of no more as it is. */
export const SLICE_BYTES = 64 * 1024;

/**
 * A large request body that knows how far it got. undici asks for the next slice only after the one
 * before it went into the kernel, so `sent` means that at most the last 64 KiB may still be on this side.
 */
export class OutgoingBody implements Iterable<Buffer> {
  /** The last byte was handed over: from here on the server may have it all. */
  sent = false;

  constructor(private readonly bytes: Buffer) {}

  get length(): number {
    return this.bytes.length;
  }

  *[Symbol.iterator](): Generator<Buffer, void> {
    for (let at = 0; at < this.bytes.length; at += SLICE_BYTES) {
      const end = at + SLICE_BYTES;
      if (end >= this.bytes.length) this.sent = true;
      yield this.bytes.subarray(at, end);
    }
  }
}
