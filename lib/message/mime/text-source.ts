import { viewOf } from './byte-writer.js';

/** A text as UTF-8, up to `length`. Only valid until the next `readText`. */
export interface TextSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly length: number;
  /** Of bytes that are not ASCII, about: never less than half of them, nor more than all. */
  readonly highBytes: number;
}

const SCRATCH_BYTES = 96 * 1024;
/** One buffer for every text of ordinary size. */
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
const scratchView = viewOf(scratch);
/** What a look-ahead may read past the end of a text. */
const MARGIN = 8;

export function readText(text: string): TextSource {
  let bytes = scratch;
  let view = scratchView;
  if (text.length * 3 + MARGIN > SCRATCH_BYTES) {
    bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text) + MARGIN);
    view = viewOf(bytes);
  }
  const length = bytes.write(text);
  bytes.fill(0, length, length + MARGIN);
  // A UTF-16 unit that takes two bytes adds one to the length, and one that takes three adds two.
  return { bytes, view, length, highBytes: (length - text.length) * 2 };
}
