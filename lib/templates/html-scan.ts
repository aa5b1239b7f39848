/** One attribute of a tag; `start` and `end` enclose its value, and are equal where it has none. */
export interface HtmlAttribute {
  /** In lower case. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly quoted: boolean;
}

export interface HtmlPart {
  /** `raw` is what stands in `<style>`, `<script>`, `<title>` and `<textarea>`; `other` holds no markup. */
  readonly kind: 'text' | 'open' | 'close' | 'raw' | 'comment' | 'doctype' | 'other';
  /** Of the tag, or of the element around raw text; in lower case, else empty. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly attributes: readonly HtmlAttribute[];
}

const NONE: readonly HtmlAttribute[] = [];
const RAW = new Set(['script', 'style', 'title', 'textarea']);
const TAG_NAME = /[^\s/>]+/y;
const SPACE = /[\s/]*/y;
const ATTRIBUTE_NAME = /[^\s/>=]+|=/y;
const EQUALS = /\s*=\s*/y;
const UNQUOTED = /[^\s>]*/y;

function match(pattern: RegExp, html: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(html)?.[0];
}

/** Cuts html into tags, texts and comments, as tolerant as mail clients are, in one pass. */
export function* scanHtml(html: string): Generator<HtmlPart, void, undefined> {
  let done = 0;
  for (let at = html.indexOf('<'); at >= 0; at = html.indexOf('<', Math.max(at + 1, done))) {
    const part = markup(html, at);
    if (!part) continue;
    if (at > done) yield plain('text', done, at);
    yield part;
    done = part.end;
    if (part.kind !== 'open' || !RAW.has(part.name)) continue;
    const close = new RegExp(`</${part.name}(?=[\\s/>])`, 'gi');
    close.lastIndex = done;
    const end = close.exec(html)?.index ?? html.length;
    yield { kind: 'raw', name: part.name, start: done, end, attributes: part.attributes };
    done = end;
  }
  if (done < html.length) yield plain('text', done, html.length);
}

const plain = (kind: HtmlPart['kind'], start: number, end: number): HtmlPart => ({
  kind,
  name: '',
  start,
  end,
  attributes: NONE,
});

function markup(html: string, at: number): HtmlPart | undefined {
  const next = html[at + 1] ?? '';
  if (/[A-Za-z]/.test(next)) return openTag(html, at);
  if (next === '/') {
    const name = (match(TAG_NAME, html, at + 2) ?? '').toLowerCase();
    return { ...plain('close', at, endAfter(html, '>', at)), name };
  }
  if (html.startsWith('<!--', at)) {
    // `<!-->` and `<!--->` are whole comments.
    const [whole] = /^<!--?-?>/.exec(html.slice(at, at + 6)) ?? [];
    const end = whole === undefined ? endAfter(html, '-->', at + 4) : at + whole.length;
    return plain('comment', at, end);
  }
  if (next !== '!' && next !== '?') return undefined;
  const isDoctype = /^<!doctype/i.test(html.slice(at, at + 9));
  return plain(isDoctype ? 'doctype' : 'other', at, endAfter(html, '>', at));
}

function endAfter(html: string, what: string, from: number): number {
  const found = html.indexOf(what, from);
  return found < 0 ? html.length : found + what.length;
}

function openTag(html: string, start: number): HtmlPart {
  const name = match(TAG_NAME, html, start + 1)!;
  const attributes: HtmlAttribute[] = [];
  let at = start + 1 + name.length;
  for (;;) {
    at += match(SPACE, html, at)!.length;
    if (at >= html.length || html[at] === '>') break;
    const attribute = match(ATTRIBUTE_NAME, html, at)!;
    at += attribute.length;
    const equals = match(EQUALS, html, at);
    if (equals === undefined) {
      attributes.push({ name: attribute.toLowerCase(), start: at, end: at, quoted: false });
      continue;
    }
    at += equals.length;
    const quote = html[at];
    const quoted = quote === '"' || quote === "'";
    const from = quoted ? at + 1 : at;
    const close = quoted ? html.indexOf(quote, from) : -1;
    const end = quoted
      ? close < 0
        ? html.length
        : close
      : from + match(UNQUOTED, html, from)!.length;
    attributes.push({ name: attribute.toLowerCase(), start: from, end, quoted });
    at = quoted ? end + 1 : end;
  }
  const end = Math.min(at + 1, html.length);
  return { kind: 'open', name: name.toLowerCase(), start, end, attributes };
}
