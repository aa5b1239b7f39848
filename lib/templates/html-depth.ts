import { scanHtml } from './html-scan.js';

/** Parsers keep their stack in an array that is moved at each step, so that depth costs its square. */
export const MAX_HTML_DEPTH = 1000;

const VOID = new Set(
  'area base br col embed hr img input link meta param source track wbr'.split(' '),
);
const CELLS = ['td', 'th', 'p'];
const ROWS = ['tr', ...CELLS];
const TERMS = ['dt', 'dd', 'p'];
/** What an opening tag ends without a closing one. */
const ENDS: Readonly<Record<string, readonly string[]>> = {
  p: ['p'],
  div: ['p'],
  table: ['p'],
  ul: ['p'],
  ol: ['p'],
  li: ['li', 'p'],
  option: ['option'],
  dt: TERMS,
  dd: TERMS,
  td: CELLS,
  th: CELLS,
  tr: ROWS,
  tbody: ['thead', 'tbody', ...ROWS],
  tfoot: ['tbody', ...ROWS],
};

/** @throws RangeError where elements stand in each other deeper than any mail client shows. */
export function checkDepth(html: string): void {
  const stack: string[] = [];
  for (const { kind, name, end } of scanHtml(html)) {
    if (kind === 'close') {
      const at = stack.lastIndexOf(name);
      if (at >= 0) stack.length = at;
    } else if (kind === 'open' && !VOID.has(name)) {
      // Only foreign elements end by `/>`.
      if (html[end - 2] === '/' && (stack.includes('svg') || stack.includes('math'))) continue;
      const ends = ENDS[name];
      while (ends?.includes(stack.at(-1) ?? '')) stack.pop();
      if (stack.push(name) > MAX_HTML_DEPTH) {
        throw new RangeError(`the html nests deeper than ${MAX_HTML_DEPTH} elements`);
      }
    }
  }
}
