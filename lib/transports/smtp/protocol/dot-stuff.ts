const LF = 10;
const DOT = 46;
const STUFFED = Buffer.from('\n.');

/**
 * Doubles a dot at the start of each line (RFC 5321 §4.5.2). `content` has CRLF line ends only; it is
 * returned as it is where nothing is to be doubled.
 */
export function dotStuff(content: Buffer): Buffer {
  const dots: number[] = [];
  if (content[0] === DOT) dots.push(0);
  let found = content.indexOf(STUFFED);
  while (found !== -1) {
    dots.push(found + 1);
    found = content.indexOf(STUFFED, found + 2);
  }
  if (dots.length === 0) return content;
  const out = Buffer.allocUnsafe(content.length + dots.length);
  let from = 0;
  let to = 0;
  for (const dot of dots) {
    to += content.copy(out, to, from, dot);
    out[to] = DOT;
    to += 1;
    from = dot;
  }
  content.copy(out, to, from);
  return out;
}

/** What ends `content` in DATA: a lone dot, on a line of its own. */
export function endOfData(content: Buffer): string {
  const ended = content.length === 0 || content[content.length - 1] === LF;
  return ended ? '.\r\n' : '\r\n.\r\n';
}
