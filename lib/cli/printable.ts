/**
 * What a terminal obeys or a reader cannot see: C0 and C1 controls, and what turns the direction of text
 * round (Unicode UAX #9), so that a server's words could pass for others. A line end is left to the caller.
 */
const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

const escaped = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Text of one line: nothing in it speaks to the terminal. */
export function printable(text: string): string {
  return text.replace(/[\t\n]+/g, ' ').replace(UNSAFE, escaped);
}

/** The same for text of several lines. */
export function printableLines(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** JSON for people and programs: what a terminal would obey is escaped, and reads back as it was. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(UNSAFE, escaped);
}
