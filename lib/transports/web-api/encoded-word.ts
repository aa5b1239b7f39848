/** 75 characters a word (RFC 2047 §2), less `=?UTF-8?B?` and `?=`, in groups of four: 45 bytes. */
const WORD_BYTES = 45;

/** Words with characters outside ASCII, and the spaces between such neighbours. Comments keep their parentheses. */
const RUNS = /[^\s()]*[^\0-\x7f][^\s()]*(?:[ \t]+[^\s()]*[^\0-\x7f][^\s()]*)*/g;

/**
 * A header value with what is not ASCII as encoded words (RFC 2047). SendGrid wants `headers` values
 * "properly encoded if they contain unicode characters"; names and subjects it encodes itself.
 */
export function encodeHeaderValue(value: string): string {
  return value.replace(RUNS, encodeWords);
}

/** `Name <address>` as a header value (RFC 5322 §3.4). */
export function formatAddress(name: string | undefined, address: string): string {
  if (name === undefined || name === '') return address;
  if (/[^\0-\x7f]/.test(name)) return `${encodeWords(name)} <${address}>`;
  const plain = /^[\w !#$%&'*+/=?^`{|}~-]+$/.test(name);
  return `${plain ? name : `"${name.replace(/["\\]/g, '\\$&')}"`} <${address}>`;
}

function encodeWords(text: string): string {
  const words: string[] = [];
  let word = '';
  let bytes = 0;
  // By code points: an encoded word holds whole characters (RFC 2047 §5).
  for (const character of text) {
    const size = Buffer.byteLength(character);
    if (bytes + size > WORD_BYTES) {
      words.push(word);
      word = '';
      bytes = 0;
    }
    word += character;
    bytes += size;
  }
  words.push(word);
  return words.map((part) => `=?UTF-8?B?${Buffer.from(part).toString('base64')}?=`).join(' ');
}
