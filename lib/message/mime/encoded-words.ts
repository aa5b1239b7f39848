/** The longest encoded word, so that `Subject: ` and one word fit a line of 76 (RFC 2047 §2). */
const WORD_CHARS = 64;
const OPEN_Q = '=?UTF-8?Q?';
const OPEN_B = '=?UTF-8?B?';
const CLOSE = '?=';
const PAYLOAD_CHARS = WORD_CHARS - OPEN_Q.length - CLOSE.length;
const PAYLOAD_BYTES = Math.floor(PAYLOAD_CHARS / 4) * 3;
/** The literals that are safe in every place an encoded word may stand (RFC 2047 §5 rule 3). */
const Q_LITERAL = /^[A-Za-z0-9!*+\-/]$/;
/** A word that is too long for a header line cannot be folded, but it can be encoded in pieces. */
const UNFOLDABLE = /[^ \t]{901}/;

/**
 * Whether a value goes out as it is: printable ASCII, nothing that reads as an encoded word, no
 * word that is too long for a line.
 */
export function isPlain(value: string): boolean {
  return (
    /^[\t\x20-\x7e]*$/.test(value) &&
    !value.includes('=?') &&
    (value.length <= 900 || !UNFOLDABLE.test(value))
  );
}

/**
 * The whole of `text` as encoded words (RFC 2047), separated by a space that is not part of the
 * text. A character is never split over two words (§5). What has more letters than other characters
 * is Q encoded, so that people can read it in the source.
 */
export function encodeWords(text: string): string {
  const letters = text.match(/[A-Za-z ]/g)?.length ?? 0;
  return letters * 2 >= text.length ? encodeQ(text) : encodeB(text);
}

function encodeQ(text: string): string {
  const words: string[] = [];
  let payload = '';
  for (const character of text) {
    const encoded = encodeQCharacter(character);
    if (payload.length + encoded.length > PAYLOAD_CHARS) {
      words.push(OPEN_Q + payload + CLOSE);
      payload = '';
    }
    payload += encoded;
  }
  words.push(OPEN_Q + payload + CLOSE);
  return words.join(' ');
}

function encodeQCharacter(character: string): string {
  if (Q_LITERAL.test(character)) return character;
  if (character === ' ') return '_';
  const hex = Buffer.from(character).toString('hex').toUpperCase();
  return hex.replace(/../g, '=$&');
}

function encodeB(text: string): string {
  const words: string[] = [];
  let chunk = '';
  let bytes = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character);
    if (bytes + size > PAYLOAD_BYTES) {
      words.push(OPEN_B + Buffer.from(chunk).toString('base64') + CLOSE);
      chunk = '';
      bytes = 0;
    }
    chunk += character;
    bytes += size;
  }
  words.push(OPEN_B + Buffer.from(chunk).toString('base64') + CLOSE);
  return words.join(' ');
}
