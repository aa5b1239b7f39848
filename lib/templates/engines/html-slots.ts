import { HAS_STYLE } from '../css.js';
import { scanHtml, type HtmlPart } from '../html-scan.js';

/** A value's place in html that is worked on without it. Private use: no tool takes it for anything. */
export const slot = (value: number): string => `\uE000${value}\uE001`;
export const SLOT = /\uE000(\d+)\uE001/g;
export const hasSlotMark = (text: string): boolean => /[\uE000\uE001]/.test(text);

/** Read by the converter to text, whatever the CSS. */
const READ_BY_TEXT = ['style', 'start', 'type'];
/** Read by the inliner. */
const READ_BY_CSS = ['class', 'id', 'data-embed', 'media', ...READ_BY_TEXT];
/** Attributes that selectors of a stylesheet name. */
const SELECTED = /\[\s*([^\s\]=~|^$*"']*)/g;
/** It could be the beginning of a character reference, which the value would complete. */
const REFERENCE = /&#?\w*$/;

/**
 * The values that decide over nothing but themselves: they stand in text, or in a quoted attribute that
 * neither a selector nor the converter reads. All others have to be there when CSS is moved.
 */
export function inertSlots(html: string): ReadonlySet<number> {
  const inert = new Set<number>();
  const parts = [...scanHtml(html)];
  const read = attributesRead(html, parts);
  const take = (start: number, end: number) => {
    for (const found of html.slice(start, end).matchAll(SLOT)) {
      const at = start + found.index;
      if (!REFERENCE.test(html.slice(Math.max(start, at - 40), at))) inert.add(Number(found[1]));
    }
  };
  for (const { kind, name, start, end, attributes } of parts) {
    if (kind === 'text' || (kind === 'raw' && name === 'title')) take(start, end);
    for (const attribute of kind === 'open' ? attributes : []) {
      if (attribute.quoted && !read?.has(attribute.name)) take(attribute.start, attribute.end);
    }
  }
  return read ? inert : new Set();
}

/** @returns `undefined` where CSS may read any attribute, or texts. */
function attributesRead(html: string, parts: readonly HtmlPart[]): Set<string> | undefined {
  if (!HAS_STYLE.test(html)) return new Set(READ_BY_TEXT);
  const read = new Set(READ_BY_CSS);
  for (const { kind, name, start, end } of parts) {
    if (kind !== 'raw' || name !== 'style') continue;
    const css = html.slice(start, end);
    if (/contains\s*\(/i.test(css)) return undefined;
    for (const [, attribute] of css.matchAll(SELECTED)) {
      if (!/^[\w-]+$/.test(attribute!)) return undefined;
      read.add(attribute!.toLowerCase());
    }
  }
  return read;
}
