import { splitCss } from './css-split.js';
import { checkDepth } from './html-depth.js';
import { scanHtml, type HtmlPart } from './html-scan.js';
import { loadPeer } from './peer.js';

export const HAS_STYLE = /<style[\s>]/i;

/**
 * Returns what moves CSS from `<style>` to the elements, with its package imported. What cannot be
 * moved stays in `<style>`: `:hover`, `::before`, at-rules, rules for what mail clients put around a
 * mail, and all of a `<style media="…">`.
 */
export async function loadCssInliner(): Promise<(html: string) => string> {
  const { default: juice } = await loadPeer('juice', () => import('juice'), 'templates.inlineCss');
  return (html) => {
    if (!HAS_STYLE.test(html)) return html;
    checkDepth(html);
    const guard = guardFor(html);
    // Never reads a file or URL: `juice()` inlines only what the html carries.
    const ready = prepareStyles(html.replace(/\{(?=\{)|<(?=%)/g, `$&${guard}`));
    const done = tolerant(juice, ready);
    return guard === '' ? done : done.replaceAll(guard, '');
  };
}

/**
 * Parts between `{{` and `}}` or `<%` and `%>` are left out by the inliner as another language's. In
 * finished html they are text, and two of them in the data must not hide the elements between them.
 */
function guardFor(html: string): string {
  if (!html.includes('{{') && !html.includes('<%')) return '';
  let code = 0xe002;
  while (html.includes(String.fromCharCode(code))) code += 1;
  return String.fromCharCode(code);
}

/** It fails at a `style` attribute that declares nothing: such say nothing, and go. */
function tolerant(inline: (html: string) => string, html: string): string {
  try {
    return inline(html);
  } catch (error) {
    const tidy = withoutEmptyStyles(html);
    if (tidy === html) throw error;
    return inline(tidy);
  }
}

const DECLARES = /[\w-]\s*:\s*[^\s;]/;

function withoutEmptyStyles(html: string): string {
  let out = '';
  let done = 0;
  for (const { attributes } of scanHtml(html)) {
    for (const { name, start, end } of attributes) {
      if (name !== 'style' || DECLARES.test(html.slice(start, end))) continue;
      out += html.slice(done, start);
      done = end;
    }
  }
  return out + html.slice(done);
}

/** What the inliner leaves alone bears this attribute; it takes it off. */
const LEAVE = 'data-embed';

function prepareStyles(html: string): string {
  let out = '';
  let done = 0;
  let open: HtmlPart | undefined;
  for (const part of scanHtml(html)) {
    if (part.kind === 'open') open = part;
    if (part.kind !== 'raw' || part.name !== 'style' || !open) continue;
    const tag = html.slice(open.start, open.end);
    const left = tag.replace(/\s*\/?>$/, ` ${LEAVE}>`);
    if (isConditional(html, open)) {
      out += html.slice(done, open.start) + left;
      done = open.end;
      continue;
    }
    const split = splitCss(html.slice(part.start, part.end));
    if (!split) continue;
    const { moved, kept } = split;
    out += html.slice(done, open.start);
    if (moved !== '') out += `${tag}\n${moved}</style>`;
    out += left + kept;
    done = part.end;
  }
  return out + html.slice(done);
}

/** Whether it holds for some readers only (`media="print"`), or is no CSS at all. */
function isConditional(html: string, { attributes }: HtmlPart): boolean {
  return attributes.some(({ name, start, end }) => {
    const value = html.slice(start, end).trim().toLowerCase();
    if (name === 'media') return value !== '' && value !== 'all';
    return name === 'type' && value !== '' && value !== 'text/css';
  });
}
