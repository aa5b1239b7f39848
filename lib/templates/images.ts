import { readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import type { MailAttachmentInput } from '../message/message.js';

const CID = /\bsrc=(?:"|')cid:([^"'\s>]+)/g;
const NAME = /^[\w-]+(?:[./][\w-]+)*\.(png|jpe?g|gif|webp|svg)$/i;

/** Images that templates show by `<img src="cid:logo.png">`, from the templates' folder, read once. */
export class TemplateImages {
  private readonly known = new Map<string, MailAttachmentInput | undefined>();

  constructor(private readonly dir: string | undefined) {}

  /** Content-IDs in html that is only known when it is rendered. */
  static in(html: string): string[] {
    return [...new Set(Array.from(html.matchAll(CID), (match) => match[1]!))];
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
