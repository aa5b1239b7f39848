/** 75 characters a word (RFC 2047 §2), less `=?UTF-8?B?` and `?=`, in groups of four: 45 bytes. */
const WORD_BYTES = 45;

/** Comments keep their parentheses. */
const WORDS = /[^\s()]+/g;
const FOREIGN = /[^\0-\x7f]/;

/**
 * A header value with what is not ASCII as encoded words (RFC 2047). SendGrid wants `headers` values
 * "properly encoded if they contain unicode characters"; names and subjects it encodes itself.
 */
export function encodeHeaderValue(value: string): string {
  if (!FOREIGN.test(value)) return value;
  // Runs of words with characters outside ASCII, and the spaces between such neighbours. One pattern for
  // a whole run would take the square of a long value's time.
  const runs: { from: number; to: number }[] = [];
  for (const { 0: word, index: from } of value.matchAll(WORDS)) {
    if (!FOREIGN.test(word)) continue;
    const to = from + word.length;
    const last = runs.at(-1);
    if (last && /^[ \t]+$/.test(value.slice(last.to, from))) last.to = to;
    else runs.push({ from, to });
  }
  let done = 0;
  const parts = runs.map(({ from, to }) => {
    const before = value.slice(done, from);
    done = to;
    return before + encodeWords(value.slice(from, to));
  });
  return parts.join('') + value.slice(done);
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
