/** A shorter one would be found inside ordinary words, so it counts as a word of its own alone. */
const MIN_LENGTH = 4;

/**
 * The one rule for taking secrets out of text: as they are, in JSON and percent-encoded, and in base64 in both
 * alphabets, with padding and without, alone and inside other text (`user:secret`, an answer to AUTH). `quoted` are
 * longer texts that hold a secret and may come back whole in base64. Linear in the text.
 */
export function redactor(
  secrets: readonly string[],
  mark: string,
  quoted: readonly string[] = [],
): (text: string) => string {
  const found = [...quoted.flatMap(base64Forms), ...secrets.flatMap(formsOf)];
  // The longest first: what is left of one must not hide in another.
  const forms = [...new Set(found)]
    .filter((form) => form.length >= MIN_LENGTH)
    .sort((a, b) => b.length - a.length);
  const words = secrets.filter((secret) => secret !== '' && secret.length < MIN_LENGTH);
  return (text) => {
    let safe = text;
    for (const form of forms) if (safe.includes(form)) safe = safe.replaceAll(form, () => mark);
    for (const word of words)
      if (safe.includes(word)) safe = safe.replace(asWord(word), () => mark);
    return safe;
  };
}

function asWord(word: string): RegExp {
  const literal = word.replace(
    /[^A-Za-z0-9]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
  return new RegExp(`(?<![\\p{L}\\p{N}])${literal}(?![\\p{L}\\p{N}])`, 'gu');
}

function formsOf(secret: string): string[] {
  const percent = encodeURIComponent(Buffer.from(secret).toString());
  return [
    secret,
    percent,
    percent.replace(/%[0-9A-F]{2}/g, (octet) => octet.toLowerCase()),
    JSON.stringify(secret).slice(1, -1),
    ...[secret, `:${secret}`, `${secret}:`].flatMap(base64Forms),
    // Between other text, where its bytes stand at any place in a group of three.
    ...[0, 1, 2].flatMap((before) => {
      const shifted = Buffer.from('\0'.repeat(before) + secret).toString('base64');
      const whole = Math.floor(((before + Buffer.byteLength(secret)) * 8) / 6);
      return alphabets(shifted.slice(before === 0 ? 0 : before + 1, whole));
    }),
  ];
}

function base64Forms(text: string): string[] {
  const padded = Buffer.from(text).toString('base64');
  return [...alphabets(padded), ...alphabets(padded.replace(/=+$/, ''))];
}

/** In base64 and in base64url (RFC 4648 §5). */
function alphabets(base64: string): string[] {
  return [base64, base64.replaceAll('+', '-').replaceAll('/', '_')];
}
