import { scanHtml } from './html-scan.js';

/** Marks what only an inbox list shows, so that the text part leaves it out. */
export const PREHEADER_MARK = 'data-mail-preheader';

const STYLE: string = [
  'display:none',
  'font-size:1px',
  'line-height:1px',
  'max-height:0',
  'max-width:0',
  'opacity:0',
  'overflow:hidden',
].join(';');

/** Puts what an inbox list shows beside the subject at the top of the body. `escaped` is html already. */
export function insertPreheader(html: string, escaped: string): string {
  const block = `<div ${PREHEADER_MARK} style="${STYLE}">${escaped}</div>`;
  const at = topOfBody(html);
  return html.slice(0, at) + block + html.slice(at);
}

/** Behind `<body>`; without one behind the head, `<html>` or the doctype, since nothing goes before it. */
function topOfBody(html: string): number {
  let at = 0;
  for (const { kind, name, end } of scanHtml(html)) {
    if (kind === 'open' && name === 'body') return end;
    if (kind === 'doctype' || (kind === 'open' && name === 'html')) at = end;
    if (kind === 'close' && name === 'head') at = end;
  }
  return at;
}
