import type { MailAttachment } from '../mail.js';
import { OCTET_STREAM, parameterOf, parseMediaType } from '../media-type.js';
import { extensionOf } from '../media-types.js';
import { writeBase64 } from './base64.js';
import type { ByteWriter } from './byte-writer.js';
import { fold } from './fold.js';
import { headerFault } from './header-fault.js';
import { messageEncoding } from './message-part.js';
import { filenameParameters } from './parameters.js';
import type { FilePart, MultiPart, Part, TextPart } from './part.js';
import { writeTextBody } from './text-body.js';

/** RFC 2392: an id that can stand in a `cid:` URL and between angle brackets. */
const CONTENT_ID = /^[\x21-\x3b\x3d\x3f-\x7e]{1,900}$/;

/** What the composer writes itself, from the filename; a file has no boundary. */
const OWN_PARAMETERS = /; (?:name|boundary)\*?(?:\d+\*?)?=(?:"[^"]*"|[^;]*)/g;

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
    const given = parseMediaType(file.contentType);
    if (given === undefined || given.startsWith('multipart/')) {
      throw headerFault(`${path}.contentType`, 'is no media type of a file');
    }
    const encoding = given.startsWith('message/')
      ? messageEncoding(given, file.content, `--${this.boundary}`)
      : 'base64';
    // A message that breaks the rules of the wire goes as a file like any other, byte for byte.
    const type = encoding === undefined ? OCTET_STREAM : given.replace(OWN_PARAMETERS, '');
    const parameters = filenameParameters(filenameOf(file, given, index), `${path}.filename`);
    let head = line(`Content-Type: ${type}${parameters.name}`, path);
    if (file.cid) {
      if (!CONTENT_ID.test(file.cid)) throw headerFault(`${path}.cid`, 'is not a Content-ID');
      head += `Content-ID: <${file.cid}>\r\n`;
    }
    head += `Content-Transfer-Encoding: ${encoding ?? 'base64'}\r\n`;
    head += line(`Content-Disposition: ${file.disposition}${parameters.filename}`, path);
    this.out.text(head + '\r\n');
    if (encoding === '7bit' || encoding === '8bit') {
      if (encoding === '8bit') this.has8bit = true;
      this.out.bytes(file.content);
    } else {
      writeBase64(this.out, file.content, file.content.length);
    }
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

/** Without a name some programs show no attachment at all, or one that nothing opens. */
function filenameOf(file: MailAttachment, type: string, index: number): string {
  return (
    file.filename ??
    parameterOf(type, 'name') ??
    `attachment-${index + 1}.${extensionOf(type) ?? 'bin'}`
  );
}
