const LF = 10;

/** What ends `content` in DATA: a lone dot, on a line of its own. */
export function endOfData(content: Buffer): string {
  const ended = content.length === 0 || content[content.length - 1] === LF;
  return ended ? '.\r\n' : '\r\n.\r\n';
}
