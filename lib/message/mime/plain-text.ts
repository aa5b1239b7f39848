import type { ByteWriter } from './byte-writer.js';
import { CR, isFragileLine, isPrintableWord, LF, TAB } from './bytes.js';
import type { TextSource } from './text-source.js';

/** RFC 5322 §2.1.1: a line SHOULD have no more characters; a longer one is encoded. */
const LONGEST_LINE = 78;

/**
 * Writes a text as it is, CR, LF and CRLF as CRLF, when that is safe: printable, in short lines that
 * nobody on the way rewrites. Otherwise returns `false`, and nothing is written.
 */
export function writePlainText(out: ByteWriter, source: TextSource): boolean {
  const { bytes, view, length } = source;
  out.ensure(length * 2 + 4);
  const dst = out.buffer;
  const dstView = out.view;
  let o = out.length;
  let start = 0;
  let i = 0;
  if (isFragileLine(bytes, 0)) return false;
  while (i < length) {
    const word = view.getInt32(i, true);
    if (isPrintableWord(word)) {
      // The margin of the text is zero, so four printable bytes are all its own.
      dstView.setInt32(o, word, true);
      i += 4;
      o += 4;
      continue;
    }
    const byte = bytes[i]!;
    if (byte === LF || byte === CR) {
      if (i - start > LONGEST_LINE) return false;
      i += byte === CR && bytes[i + 1] === LF ? 2 : 1;
      start = i;
      if (isFragileLine(bytes, i)) return false;
      dst[o++] = CR;
      dst[o++] = LF;
    } else {
      if ((byte < 0x20 && byte !== TAB) || byte === 0x7f) return false;
      dst[o++] = byte;
      i++;
    }
  }
  if (length - start > LONGEST_LINE) return false;
  out.length = o;
  return true;
}
