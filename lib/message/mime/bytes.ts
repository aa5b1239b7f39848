export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const DASH = 0x2d;
export const DOT = 0x2e;
export const EQUALS = 0x3d;
export const UNDERSCORE = 0x5f;

/** What a byte of a text body needs; `KIND[byte]`. */
export const LITERAL = 0;
export const ESCAPED = 1;
export const EQUALS_SIGN = 2;
export const LINE_END = 3;

/** Printable ASCII, space and TAB are literal (RFC 2045 §6.7 rule 2), except for `=`. */
export const KIND = new Uint8Array(256).fill(ESCAPED);
KIND.fill(LITERAL, SPACE, 0x7f);
KIND[TAB] = LITERAL;
KIND[EQUALS] = EQUALS_SIGN;
KIND[CR] = LINE_END;
KIND[LF] = LINE_END;

/** Whether `From ` stands at `at`: mailbox files rewrite a line that begins so (RFC 2049 §3). */
export function isFromLine(src: Uint8Array, at: number): boolean {
  return (
    src[at] === 0x46 &&
    src[at + 1] === 0x72 &&
    src[at + 2] === 0x6f &&
    src[at + 3] === 0x6d &&
    src[at + 4] === SPACE
  );
}
