export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const DOT = 0x2e;
export const EQUALS = 0x3d;

const HIGH_BITS = 0x80808080 | 0;
const ONES = 0x01010101;

/**
 * Whether all four bytes of a word are printable ASCII, space included. The high bit of a byte below
 * space is set by the subtraction, that of DEL by the addition; a carry can only make a printable
 * neighbour look suspicious, never the other way round.
 */
export function isPrintableWord(word: number): boolean {
  return (((word - 0x20202020) | word | (word + ONES)) & HIGH_BITS) === 0;
}

/** Whether a byte of the word may be `=`, in a word that is printable. */
export function mayHoldEquals(word: number): boolean {
  const difference = word ^ 0x3d3d3d3d;
  return ((difference - ONES) & HIGH_BITS) !== 0;
}

/**
 * Whether a line that must not go out bare starts at `at`: mailbox files rewrite one that begins
 * with `From ` (RFC 2049 §3), and one that begins with `--=_` may be our boundary.
 */
export function isFragileLine(src: Uint8Array, at: number): boolean {
  const first = src[at];
  if (first === 0x46) {
    return (
      src[at + 1] === 0x72 && src[at + 2] === 0x6f && src[at + 3] === 0x6d && src[at + 4] === SPACE
    );
  }
  return first === 0x2d && src[at + 1] === 0x2d && src[at + 2] === EQUALS && src[at + 3] === 0x5f;
}
