/** A shorter one would be found in ordinary words. */
const MIN_LENGTH = 4;

/**
 * Takes secrets out of text: as they are, in base64 (with padding and without, in both alphabets, also after
 * `user:` or before `:`), and percent-encoded. Linear in the text.
 */
export function redactor(secrets: readonly string[], mark: string): (text: string) => string {
  const forms = secrets.filter((secret) => secret.length >= MIN_LENGTH).flatMap(formsOf);
  // The longest first: what is left of one must not hide in another.
  const all = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => {
    let safe = text;
    for (const form of all) if (safe.includes(form)) safe = safe.replaceAll(form, mark);
    return safe;
  };
}

function formsOf(secret: string): string[] {
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)].concat(
    ...[secret, `:${secret}`, `${secret}:`].map((text) => {
      const padded = Buffer.from(text).toString('base64');
      const bare = padded.replace(/=+$/, '');
      return [padded, bare, Buffer.from(text).toString('base64url')];
    }),
    // Behind other text, where its bytes stand at another place in a group of three.
    [1, 2].map((before) => {
      const shifted = Buffer.from('\0'.repeat(before) + secret).toString('base64');
      const whole = Math.floor(((before + Buffer.byteLength(secret)) * 8) / 6);
      return shifted.slice(before === 1 ? 2 : 3, whole);
    }),
  );
}
