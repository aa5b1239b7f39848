/**
 * What a terminal, a log viewer or a reader could take for something other than text: C0 and C1 controls, line and
 * paragraph separators, marks that turn the direction of writing, and characters without a width.
 */
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]+/g;

/** Words of a server as they may stand in an error, a log line or a receipt: one line of plain text. */
export function cleanWords(text: string): string {
  return text.replace(UNPRINTABLE, ' ');
}
