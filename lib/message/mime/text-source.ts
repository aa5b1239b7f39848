import { viewOf } from './byte-writer.js';

/** A text as UTF-8, up to `length`. Only valid until the next `readText`. */
export interface TextSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly length: number;
}

const SCRATCH_BYTES = 64 * 1024;
/** One buffer for every text of ordinary size. */
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
const scratchView = viewOf(scratch);
/** How far past its end a text may be read: zeros. */
const MARGIN = 8;

/** `length` is the text's size in UTF-8. */
export function readText(text: string, length: number): TextSource {
  let bytes = scratch;
  let view = scratchView;
  if (length + MARGIN > SCRATCH_BYTES) {
    bytes = Buffer.allocUnsafeSlow(length + MARGIN);
    view = viewOf(bytes);
  }
  bytes.write(text);
  bytes.fill(0, length, length + MARGIN);
  return { bytes, view, length };
}
