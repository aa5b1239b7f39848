/** What the gates read out of a page of Markdown. */

/** @typedef {{ language: string, code: string, line: number }} Block `line` of its code in the page, from 1 */
/** @typedef {{ target: string, line: number }} Link */
/** @typedef {{ blocks: Block[], preludes: Block[], links: Link[], anchors: Set<string> }} Page */

const FENCE = /^\s*(`{3,}|~{3,})\s*(\S*)/;
const PRELUDE = '<!-- prelude';
const LINK = /\]\(([^()\s]+)\)/g;
const HEADING = /^#{1,6}\s+(.*?)\s*#*$/;

/**
 * @param {string} text
 * @returns {Page} `preludes` are the html comments that begin with `<!-- prelude`
 */
export function readPage(text) {
  /** @type {Page} */
  const page = { blocks: [], preludes: [], links: [], anchors: new Set() };
  /** @type {(Block & { isEnd: (line: string) => boolean, into: Block[] }) | undefined} */
  let open;
  text.split('\n').forEach((line, index) => {
    if (open) {
      if (!open.isEnd(line)) open.code += `${line}\n`;
      else {
        const { language, code, line: at } = open;
        open.into.push({ language, code, line: at });
        open = undefined;
      }
      return;
    }
    const at = index + 2;
    const [, fence, language = ''] = FENCE.exec(line) ?? [];
    if (fence !== undefined) {
      const isEnd = (/** @type {string} */ one) => one.trim() === fence;
      open = { language, code: '', line: at, isEnd, into: page.blocks };
    } else if (line === PRELUDE) {
      const isEnd = (/** @type {string} */ one) => one.trim() === '-->';
      open = { language: 'ts', code: '', line: at, isEnd, into: page.preludes };
    } else {
      const [, heading] = HEADING.exec(line) ?? [];
      if (heading !== undefined) page.anchors.add(anchorOf(heading, page.anchors));
      const prose = line.replace(/(`+).*?\1/g, '');
      for (const [, target = ''] of prose.matchAll(LINK)) {
        page.links.push({ target, line: index + 1 });
      }
    }
  });
  return page;
}

/**
 * As GitHub makes it.
 *
 * @param {string} heading
 * @param {ReadonlySet<string>} taken
 */
function anchorOf(heading, taken) {
  const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
  const anchor = words.replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-');
  let unique = anchor;
  for (let n = 1; taken.has(unique); n += 1) unique = `${anchor}-${n}`;
  return unique;
}
