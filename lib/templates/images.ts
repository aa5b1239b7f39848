import { readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import type { MailAttachmentInput } from '../message/message.js';

/** In an attribute, or in CSS. */
const CID = /(?:=\s*["']?|\burl\(\s*(?:["']|&quot;|&#39;)?)cid:([^"'\s)<>&]+)/gi;
/** Its address comes from a value, all of it or some. */
const OPEN_CID = /\bsrc\s*=\s*["']?(?:cid:[^"'\s>]*)?\uE000/i;
const NAME = /^[\w-]+(?:[./][\w-]+)*\.(png|jpe?g|gif|webp|svg)$/i;

/** Images that templates show by `<img src="cid:logo.png">`, from the templates' folder, read once. */
export class TemplateImages {
  private readonly known = new Map<string, MailAttachmentInput | undefined>();

  constructor(private readonly dir: string | undefined) {}

  /** Content-IDs that html shows. */
  static in(html: string): string[] {
    return [...new Set(Array.from(html.matchAll(CID), (match) => match[1]!))];
  }

  /** Content-IDs in html with places for its values; `undefined` when a value may be one. */
  static fixedIn(html: string): string[] | undefined {
    return OPEN_CID.test(html) ? undefined : TemplateImages.in(html);
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
