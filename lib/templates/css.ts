import { loadPeer } from './peer.js';

const HAS_STYLE = /<style[\s>]/i;

/**
 * Answers what moves CSS from `<style>` to the elements, with its package imported. What cannot be
 * moved (`:hover`, media queries, fonts) stays in `<style>`.
 */
export async function loadCssInliner(): Promise<(html: string) => string> {
  const { default: juice } = await loadPeer('juice', () => import('juice'), 'templates.inlineCss');
  // Never reads a file or URL: `juice()` inlines only what the html carries.
  return (html) => (HAS_STYLE.test(html) ? juice(html) : html);
}
