import { detectExtension } from 'nodemailer/lib/mime-funcs';
import { writeBase64 } from './base64.js';
import type { ByteWriter } from './byte-writer.js';
import { fold } from './fold.js';
import { headerFault } from './header-fault.js';
import { filenameParameters } from './parameters.js';
import type { FilePart, MultiPart, Part, TextPart } from './part.js';
import { writeTextBody } from './text-body.js';

/** RFC 2392: an id that can stand in a `cid:` URL and between angle brackets. */
const CONTENT_ID = /^[\x21-\x3b\x3d\x3f-\x7e]{1,900}$/;

/** Writes the tree of parts of one message, depth first. */
export class PartWriter {
  /** Whether a part went out as 8bit. */
  has8bit = false;
  private multiparts = 0;

  /** `boundary` begins all boundaries of the message; `isFragileLine` knows how they begin. */
  constructor(
    private readonly out: ByteWriter,
    private readonly boundary: string,
    private readonly eightBit: boolean,
  ) {}

  /** Writes the part's own header fields and its body, whose last line end is the caller's to add. */
  write(part: Part): void {
    switch (part.kind) {
      case 'text':
        this.writeText(part);
        break;
      case 'file':
        this.writeFile(part);
        break;
      case 'multi':
        this.writeMulti(part);
    }
  }

  private writeText(part: TextPart): void {
    const head = `Content-Type: ${part.contentType}\r\n`;
    if (writeTextBody(this.out, head, part.text, this.eightBit)) this.has8bit = true;
  }

  private writeFile({ file, index }: FilePart): void {
    const path = `attachments[${index}]`;
    // Without a name some programs show no attachment at all, or one that nothing opens.
    const filename = file.filename ?? `attachment-${index + 1}.${extensionOf(file.contentType)}`;
    const parameters = filenameParameters(filename, `${path}.filename`);
    let head = line(`Content-Type: ${file.contentType}${parameters.name}`, path);
    if (file.cid) {
      if (!CONTENT_ID.test(file.cid)) throw headerFault(`${path}.cid`, 'is not a Content-ID');
      head += `Content-ID: <${file.cid}>\r\n`;
    }
    head += 'Content-Transfer-Encoding: base64\r\n';
    head += line(`Content-Disposition: ${file.disposition}${parameters.filename}`, path);
    this.out.text(head + '\r\n');
    writeBase64(this.out, file.content, file.content.length);
  }

  private writeMulti({ subtype, parts }: MultiPart): void {
    const boundary = `${this.boundary}-${++this.multiparts}`;
    this.out.text(`Content-Type: multipart/${subtype};\r\n boundary="${boundary}"\r\n`);
    for (const part of parts) {
      this.out.text(`\r\n--${boundary}\r\n`);
      this.write(part);
    }
    this.out.text(`\r\n--${boundary}--\r\n`);
  }
}

function line(field: string, path: string): string {
  return fold(field, path) + '\r\n';
}

function extensionOf(contentType: string): string {
  const extension = detectExtension(contentType);
  return /^\w+$/.test(extension) ? extension : 'bin'; // it may answer `*`
}
