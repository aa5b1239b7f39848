/** A stylesheet in two: what an inliner can move to the elements, and what has to stay as it is. */
export interface SplitCss {
  readonly moved: string;
  readonly kept: string;
}

interface Statement {
  /** Of an at-rule, with the at; of a rule its selectors. */
  readonly prelude: string;
  readonly block: string | undefined;
  readonly text: string;
}

/** At-rules that the inliner leaves in place by itself. */
const LEFT = /^@(?:media|font-face|(?:-\w+-)?keyframes)\b/i;
/** Pseudo-classes that the inliner leaves in place by itself. */
const DYNAMIC = /:(?:hover|active|focus|visited|link)(?![\w-])/i;
/** What may follow a colon and is known when the mail is written. */
const STRUCTURAL =
  /:(?:first-child|last-child|only-child|nth-child|nth-last-child|first-of-type|last-of-type|only-of-type|nth-of-type|nth-last-of-type|not|is|where|matches|has|empty|root)(?![\w-])/gi;
/** Names that mail clients put around or into a mail, so that no template has them. */
const CLIENT =
  /#outlook\b|#Message(?:View|WebView)|\.(?:ExternalClass|ReadMsgBody|yshortcuts|moz-|mj-|Mso|Singleton|gmail|aBn|a6S|im\b|x_)|\[(?:owa|office365|x-apple|data-og|data-outlook|data-ms)|class[~^*]?=["']?(?:x_|gmail|apple)|^\s*u\s*[+~]|^\s*_|\*\||-apple-data-detectors/i;

/** Absent where the inliner is right about all of it. Runs in one pass. */
export function splitCss(css: string): SplitCss | undefined {
  // Its own directives stand in comments.
  if (/\/\*\s*juice\b/.test(css)) return undefined;
  const statements = read(css);
  if (!statements || statements.every(isPlain)) return undefined;
  let moved = '';
  let kept = '';
  for (const statement of statements) {
    const { prelude, block, text } = statement;
    if (block === undefined || prelude.startsWith('@') || isNested(block)) {
      kept += `${text}\n`;
      continue;
    }
    const selectors = selectorsOf(prelude);
    const stay = selectors.filter((one) => !isMovable(one) || CLIENT.test(one));
    const go = selectors.filter(isMovable);
    if (stay.length > 0) kept += `${stay.join(', ')} {${block}}\n`;
    if (go.length > 0) moved += `${go.join(', ')} {${block}}\n`;
  }
  return { moved, kept: `\n${kept}` };
}

/** Whether the inliner, which looks at a rule's first selector, moves or leaves it rightly. */
function isPlain({ prelude, block }: Statement): boolean {
  if (block === undefined) return false;
  if (prelude.startsWith('@')) return LEFT.test(prelude) && !block.includes('@');
  if (isNested(block)) return false;
  const selectors = selectorsOf(prelude);
  if (selectors.some((one) => CLIENT.test(one))) return false;
  const stay = selectors.filter((one) => !isMovable(one));
  if (stay.length === 0) return true;
  return DYNAMIC.test(selectors[0]!) && stay.every((one) => !withoutDynamic(one).includes(':'));
}

const withoutDynamic = (selector: string) =>
  withoutStrings(selector).replace(STRUCTURAL, '').replace(new RegExp(DYNAMIC, 'gi'), '');

/** Nothing in it depends on what the reader does, and no part of it is no element. */
const isMovable = (selector: string): boolean =>
  !withoutStrings(selector).replace(STRUCTURAL, '').includes(':');

const withoutStrings = (text: string) => text.replace(/"[^"]*"|'[^']*'|\\./g, '');
const isNested = (block: string) => withoutStrings(block).includes('{');

function selectorsOf(prelude: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < prelude.length; i += 1) {
    const char = prelude[i]!;
    if (char === '\\') i += 1;
    else if (char === '"' || char === "'") i = stringEnd(prelude, i);
    else if (char === '(' || char === '[') depth += 1;
    else if (char === ')' || char === ']') depth -= 1;
    else if (char === ',' && depth === 0) {
      found.push(prelude.slice(from, i).trim());
      from = i + 1;
    }
  }
  return [...found, prelude.slice(from).trim()].filter((one) => one !== '');
}

/** Top-level statements; `undefined` where brackets do not match, which is the inliner's to judge. */
function read(css: string): Statement[] | undefined {
  const statements: Statement[] = [];
  const clean = withoutComments(css);
  let from = 0;
  let open = -1;
  let depth = 0;
  let round = 0;
  for (let i = 0; i < clean.length; i += 1) {
    const char = clean[i]!;
    if (char === '\\') i += 1;
    else if (char === '"' || char === "'") i = stringEnd(clean, i);
    else if (char === '(') round += 1;
    else if (char === ')') round = Math.max(0, round - 1);
    else if (char === '{') {
      if (depth === 0) open = i;
      depth += 1;
    } else if (char === '}') {
      depth -= 1;
      if (depth < 0) return undefined;
      if (depth > 0) continue;
      const prelude = clean.slice(from, open).trim();
      const block = clean.slice(open + 1, i);
      statements.push({ prelude, block, text: `${prelude} {${block}}` });
      from = i + 1;
      // One in an address (`@import url(a;b)`) ends nothing, and a lone one says nothing.
    } else if (char === ';' && depth === 0 && round === 0) {
      const text = clean.slice(from, i + 1).trim();
      if (text !== ';') statements.push({ prelude: text, block: undefined, text });
      from = i + 1;
    }
  }
  return depth === 0 && clean.slice(from).trim() === '' ? statements : undefined;
}

function stringEnd(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i += 1) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === text[from] || text[i] === '\n') return i;
  }
  return text.length;
}

/** Also without the marks that hid a stylesheet from very old browsers. */
function withoutComments(css: string): string {
  let clean = '';
  let done = 0;
  for (let i = 0; i < css.length; i += 1) {
    const char = css[i]!;
    if (char === '\\') i += 1;
    else if (char === '"' || char === "'") i = stringEnd(css, i);
    else if (char === '/' && css[i + 1] === '*') {
      const end = css.indexOf('*/', i + 2);
      clean += css.slice(done, i);
      done = end < 0 ? css.length : end + 2;
      i = done - 1;
    }
  }
  return (clean + css.slice(done)).replace(/^\s*<!--|-->\s*$/g, '');
}
