import { encodeWords, isPlain } from './encoded-words.js';
import { headerFault } from './header-fault.js';

/** An address that reads as one address wherever it stands; the local part may be UTF-8. */
const BARE_ADDRESS = /^[^\s\0-\x20\x7f"(),:;<>@[\\\]]+@[^\s\0-\x20\x7f"(),:;<>@[\\\]]+$/;
/** A quoted local part, or a domain literal: unambiguous in angle brackets (RFC 5322 §3.4.1). */
const QUOTED_ADDRESS =
  /^(?:"(?:[^"\\\0-\x1f\x7f]|\\[^\0-\x1f\x7f])*"|[^\s\0-\x20\x7f"(),:;<>@[\\\]]+)@(?:\[[^\s\0-\x20\x7f<>[\\\]]*\]|[^\s\0-\x20\x7f"(),:;<>@[\\\]]+)$/;

const ASCII = /^[\x20-\x7e]*$/;

/** Free text (RFC 5322 §2.2.1), as encoded words where it has to be. */
export function unstructured(value: string, path: string): string {
  // No parser keeps white space around a plain value, and a line of nothing else must not be.
  return isPlain(value) ? value.trim() : words(value, path);
}

/** A display name (RFC 5322 §3.4): bare, quoted or as encoded words. */
export function phrase(name: string, path: string): string {
  if (/^\w+(?: \w+)*$/.test(name) && name.length <= 900) return name;
  if (isPlain(name) && !name.includes('\t')) return `"${name.replace(/["\\]/g, '\\$&')}"`;
  return words(name, path);
}

/** One mailbox (RFC 5322 §3.4); a UTF-8 local part stays UTF-8 (RFC 6532 §3.2). */
export function mailbox(
  { name, address }: { readonly name?: string; readonly address: string },
  path: string,
): string {
  const bare = BARE_ADDRESS.test(address);
  if (!bare && !QUOTED_ADDRESS.test(address)) {
    throw headerFault(path, 'could be read as another address');
  }
  if (name !== undefined && name !== '') return `${phrase(name, path)} <${address}>`;
  return bare ? address : `<${address}>`;
}

/** What has its own syntax, such as a message id: nothing in it can be encoded. */
export function verbatim(value: string, path: string): string {
  if (/[\0-\x1f\x7f]/.test(value)) throw headerFault(path, 'has a control character');
  return value;
}

/**
 * A List-* value (RFC 2369, RFC 2919): URLs in angle brackets stay as they are, comments and phrases
 * beside them are encoded where they have to be.
 */
export function listValue(value: string, path: string): string {
  const trimmed = verbatim(value.replaceAll('\t', ' '), path).trim();
  if (ASCII.test(trimmed)) return trimmed;
  let written = '';
  for (let at = 0; at < trimmed.length;) {
    const { kind, end } = listPart(trimmed, at);
    const part = trimmed.slice(at, end);
    written += kind === 'gap' || ASCII.test(part) ? part : encodedPart(kind, part, path);
    at = end;
  }
  return written;
}

type ListPart = 'url' | 'comment' | 'phrase' | 'gap';

/**
 * What begins at `at`, and where it ends. What is opened and never closed is a phrase as far as it was
 * read, so that no character is read more than twice.
 */
function listPart(value: string, at: number): { readonly kind: ListPart; readonly end: number } {
  const until = (stop: RegExp): number => {
    stop.lastIndex = at + 1;
    return stop.exec(value)?.index ?? value.length;
  };
  const first = value[at]!;
  if (first === '<') {
    const end = until(/[<>]/g);
    return value[end] === '>' ? { kind: 'url', end: end + 1 } : { kind: 'phrase', end };
  }
  if (first === '(') {
    let end = at + 1;
    while (end < value.length && !'()'.includes(value[end]!)) end += value[end] === '\\' ? 2 : 1;
    if (value[end] === ')') return { kind: 'comment', end: end + 1 };
    return { kind: 'phrase', end: Math.min(end, value.length) };
  }
  return /[\s,]/.test(first)
    ? { kind: 'gap', end: until(/[^\s,]/g) }
    : { kind: 'phrase', end: until(/[<(,]/g) };
}

function encodedPart(kind: ListPart, part: string, path: string): string {
  if (kind === 'url') {
    throw headerFault(path, 'has a URL that is not ASCII', 'Percent-encode the URL');
  }
  if (kind === 'comment') return `(${words(unescape(part.slice(1, -1)), path)})`;
  const text = part.trimEnd();
  const quoted = /^"(.*)"$/s.exec(text)?.[1];
  return words(quoted === undefined ? text : unescape(quoted), path) + part.slice(text.length);
}

function unescape(text: string): string {
  return text.replace(/\\(.)/gs, '$1');
}

function words(text: string, path: string): string {
  if (/[\0\r\n]/.test(text)) throw headerFault(path, 'has a line end or NUL');
  return encodeWords(text);
}
