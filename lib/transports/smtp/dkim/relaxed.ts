const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;

/** A header field's value in relaxed form (RFC 6376 §3.4.2), what stands behind its colon. */
export function relaxedValue(value: string): string {
  return value
    .replaceAll('\r\n', '')
    .replace(/[ \t]+/g, ' ')
    .replace(/^ | $/g, '');
}

/** A body with CRLF line ends only, in relaxed form (RFC 6376 §3.4.4). */
export function relaxedBody(body: Uint8Array): Uint8Array {
  const out = new Uint8Array(body.length + 2);
  let length = 0;
  /** Up to and with the last line that is not empty. */
  let end = 0;
  let inLine = false;
  let space = false;
  for (const byte of body) {
    if (byte === SPACE || byte === TAB) {
      space = true;
    } else if (byte === CR) {
      // Its LF ends the line.
      continue;
    } else if (byte === LF) {
      out[length] = CR;
      out[length + 1] = LF;
      length += 2;
      if (inLine) end = length;
      inLine = false;
      space = false;
    } else {
      if (space) {
        out[length] = SPACE;
        length += 1;
        space = false;
      }
      out[length] = byte;
      length += 1;
      inLine = true;
    }
  }
  if (inLine) {
    out[length] = CR;
    out[length + 1] = LF;
    end = length + 2;
  }
  return out.subarray(0, end);
}
