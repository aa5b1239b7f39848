import { dotStuff, endOfData } from './dot-stuff.js';
import type { OutputGroup } from './output-group.js';

/** A long content is written in pieces of this many bytes, so that a stop is seen between them. */
const PIECE_BYTES = 262_144;
/** Content up to this length keeps nobody waiting who is to follow it in the same write. */
const SHORT_BYTES = 65_536;

/** The content of a mail on its way to the socket: as one chunk (BDAT), or with dots stuffed (DATA). */
export class OutgoingContent {
  begun = false;
  /** Given to the socket to its last byte. */
  ended = false;
  private offset = 0;

  constructor(
    private bytes: Buffer,
    private readonly chunked: boolean,
  ) {}

  get short(): boolean {
    return this.bytes.length <= SHORT_BYTES;
  }

  /** Writes the next piece. */
  write(group: OutputGroup): void {
    if (!this.begun) {
      this.begun = true;
      if (this.chunked) group.ascii(`BDAT ${this.bytes.length} LAST\r\n`);
      else this.bytes = dotStuff(this.bytes);
    }
    const { bytes, offset } = this;
    const end = Math.min(bytes.length, offset + PIECE_BYTES);
    group.content(offset === 0 && end === bytes.length ? bytes : bytes.subarray(offset, end));
    this.offset = end;
    if (end < bytes.length) return;
    if (!this.chunked) group.ascii(endOfData(bytes));
    this.ended = true;
  }
}
