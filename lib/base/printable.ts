/**
 * Control characters, C1 among them (some terminals take U+009B for ESC [), what ends a line in some
 * programs (U+2028, U+2029), and what turns the direction of the text behind it around, or is not seen.
 */
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g;

/** A server's words as they may stand in an error, a log or a terminal: one line without surprises. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, ' ').trim();
}
