/** Printable ASCII as an ESMTP parameter may hold it: `+`, `=` and the space as `+XX` (RFC 3461 §4). */
export function xtext(text: string): string {
  return text.replace(
    /[^!-*,-<>-~]/g,
    (character) => `+${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
