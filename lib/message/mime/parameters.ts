import { encodeWords, isPlain } from './encoded-words.js';
import { headerFault } from './header-fault.js';

/** RFC 2045 §5.1 token, without the characters that RFC 2231 gives a meaning. */
const TOKEN = /^[\w!#$&+.^`{|}~-]{1,60}$/;
/** A section of an extended parameter stays on one line of 76. */
const SECTION_CHARS = 50;
/** RFC 2231 §7 attribute-char, and the `%` of what is encoded. */
const UNRESERVED = /^[\w!#$&+.^`{|}~-]$/;

/**
 * A filename for both headers of a part: `filename` of Content-Disposition (RFC 2183), extended and
 * in sections where it has to be (RFC 2231), and `name` of Content-Type with encoded words, which
 * no standard allows but older mail programs read.
 */
export function filenameParameters(
  filename: string,
  path: string,
): { readonly name: string; readonly filename: string } {
  if (/[\0\r\n]/.test(filename)) throw headerFault(path, 'has a line end or NUL');
  if (TOKEN.test(filename)) {
    return { name: `; name=${filename}`, filename: `; filename=${filename}` };
  }
  if (filename.length <= 60 && isPlain(filename) && !/["\\\t]/.test(filename)) {
    return { name: `; name="${filename}"`, filename: `; filename="${filename}"` };
  }
  return { name: `; name="${encodeWords(filename)}"`, filename: extended('filename', filename) };
}

/** RFC 2231 §3 and §4: percent-encoded UTF-8, in numbered sections when it is long. */
function extended(name: string, value: string): string {
  const sections: string[] = [];
  let section = "UTF-8''";
  for (const character of value) {
    const encoded = percentEncode(character);
    if (section.length + encoded.length > SECTION_CHARS) {
      sections.push(section);
      section = '';
    }
    section += encoded;
  }
  if (sections.length === 0) return `; ${name}*=${section}`;
  sections.push(section);
  return sections.map((text, index) => `; ${name}*${index}*=${text}`).join('');
}

function percentEncode(character: string): string {
  if (UNRESERVED.test(character)) return character;
  return Buffer.from(character).toString('hex').toUpperCase().replace(/../g, '%$&');
}
