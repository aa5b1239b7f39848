import { loadPeer } from './peer.js';

/** Marks what only an inbox list shows, so that the text part leaves it out. */
export const PREHEADER_MARK = 'data-mail-preheader';

/** Answers the converter, with its package imported. Long lines are left to the mail's encoding. */
export async function loadHtmlToText(): Promise<(html: string) => string> {
  const { compile } = await loadPeer(
    'html-to-text',
    () => import('html-to-text'),
    'templates.text',
  );
  return compile({
    wordwrap: false,
    selectors: [
      { selector: `[${PREHEADER_MARK}]`, format: 'skip' },
      { selector: 'img', format: 'skip' },
      { selector: 'a', options: { hideLinkHrefIfSameAsText: true } },
      ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({
        selector,
        options: { uppercase: false },
      })),
      { selector: 'table', format: 'block' },
      { selector: 'td', format: 'block', options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
    ],
    limits: { maxInputLength: 1 << 26 },
  });
}

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
  const body = /<body(?:\s[^>]*)?>/i.exec(html);
  const at = body ? body.index + body[0].length : 0;
  return html.slice(0, at) + block + html.slice(at);
}

const SPECIAL: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => SPECIAL[char]!);
}
