import { readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import type { MailAttachmentInput } from '../message/message.js';
import { scanHtml } from './html-scan.js';

/** Attributes whose address is shown; a link only leads there. */
const SHOWS = new Set(['src', 'background', 'poster']);
const CID = /^\s*cid:([^"'\s)<>&]+)/i;
const CID_IN_CSS = /\burl\(\s*(?:["']|&quot;|&#39;)?\s*cid:([^"'\s)<>&]+)/gi;
/** The address comes from a value, all of it or some. */
const OPEN = /^\s*(?:cid:.*)?\uE000/is;
/** Microsoft's, which Outlook reads. */
const CONDITIONAL = /^<!--\[if\b/i;
const HAS_CID = /cid:/i;
const NAME = /^[\w-]+(?:[./][\w-]+)*\.(png|jpe?g|gif|webp|svg)$/i;

/** Images that templates show by `<img src="cid:logo.png">`, from the templates' folder, read once. */
export class TemplateImages {
  private readonly known = new Map<string, MailAttachmentInput | undefined>();

  constructor(private readonly dir: string | undefined) {}

  /** Content-IDs that html shows: in attributes and CSS, since a text that names one shows nothing. */
  static in(html: string): string[] {
    return HAS_CID.test(html) ? [...new Set(shownIn(html))] : [];
  }

  /** Content-IDs in html with places for its values; `undefined` when a value may be one. */
  static fixedIn(html: string): string[] | undefined {
    for (const { attributes } of scanHtml(html)) {
      for (const { name, start, end } of attributes) {
        if (SHOWS.has(name) && OPEN.test(html.slice(start, end))) return undefined;
      }
    }
    return TemplateImages.in(html);
  }

  /** The image to attach, or `undefined` when the folder has none by that name. */
  get(cid: string): MailAttachmentInput | undefined {
    if (!this.known.has(cid) && this.known.size < 10_000) this.known.set(cid, this.read(cid));
    return this.known.get(cid);
  }

  private read(cid: string): MailAttachmentInput | undefined {
    if (this.dir === undefined || !NAME.test(cid)) return undefined;
    const root = resolve(this.dir);
    const path = join(root, cid);
    if (!path.startsWith(root + sep)) return undefined;
    try {
      const content = readFileSync(path);
      return Object.freeze({ cid, content, filename: cid.slice(cid.lastIndexOf('/') + 1) });
    } catch {
      return undefined;
    }
  }
}

function* shownIn(html: string, isInComment = false): Generator<string, void, undefined> {
  for (const { kind, name, start, end, attributes } of scanHtml(html)) {
    if (kind === 'comment' && !isInComment && CONDITIONAL.test(html.slice(start, start + 8))) {
      yield* shownIn(html.slice(start + 4, end), true);
    }
    if (kind === 'raw' && name === 'style') yield* inCss(html.slice(start, end));
    for (const attribute of kind === 'open' ? attributes : []) {
      const value = html.slice(attribute.start, attribute.end);
      if (attribute.name === 'style') yield* inCss(value);
      const [, cid] = SHOWS.has(attribute.name) ? (CID.exec(value) ?? []) : [];
      if (cid !== undefined) yield cid;
    }
  }
}

const inCss = (css: string) => Array.from(css.matchAll(CID_IN_CSS), (match) => match[1]!);
