import { types } from 'node:util';
import { ATTACHMENT_FIELDS, checkUnknown, isObject, readField } from './fields.js';
import type { IssueList } from './issues.js';
import type { MailAttachment } from '../mail.js';
import { mediaTypeOf, parameterOf, parseMediaType } from '../media-type.js';
import { NONE, readChoice, readLine } from './read-basics.js';
import type { SizeMeter } from './size-meter.js';
import { show, surrogateFault } from '../text.js';

const INSTEAD: Readonly<Record<string, string>> = {
  raw: 'Use `content` and `contentType`',
  headers: 'Leave it out: the headers of a part follow from its fields',
  httpHeaders: 'Fetch the content yourself and give it as `content`',
  contentTransferEncoding: 'Leave it out: binary content travels as base64',
  disposition: 'Use `contentDisposition`',
  contentId: 'Use `cid`',
  content_id: 'Use `cid`',
  type: 'Use `contentType`',
};
// RFC 2045 Content-ID without the brackets.
const CID = /^[!-;=?-~]{1,255}$/;
const NO_BASE64 = /[^A-Za-z0-9+/_-]/;

/** `JSON.stringify` writes the bytes as base64: a third more, where Buffer's own form is four times. */
function attachmentToJson(this: MailAttachment): Record<string, unknown> {
  return { ...this, content: { base64: this.content.toString('base64') } };
}

export function freezeAttachment(attachment: MailAttachment): MailAttachment {
  Object.defineProperty(attachment, 'toJSON', { value: attachmentToJson });
  return Object.freeze(attachment);
}

function decode(
  issues: IssueList,
  path: string,
  text: string,
  encoding: 'utf8' | 'base64' | 'hex',
): Buffer | undefined {
  if (encoding === 'utf8') {
    const fault = surrogateFault(text);
    if (fault) issues.addFault(path, fault);
    return fault ? undefined : Buffer.from(text, 'utf8');
  }
  if (encoding === 'hex') {
    if (text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text)) return Buffer.from(text, 'hex');
  } else {
    const compact = /\s/.test(text) ? text.replace(/\s+/g, '') : text;
    const bare = withoutPadding(compact);
    if (!NO_BASE64.test(bare) && bare.length % 4 !== 1) return Buffer.from(bare, 'base64');
  }
  issues.add(path, `is not valid ${encoding}`, 'Encode the content again, or give a Buffer');
  return undefined;
}

/** Without the one or two `=` at its end. A pattern would look at each `=` of many from the start. */
function withoutPadding(base64: string): string {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  return padding === 0 ? base64 : base64.slice(0, -padding);
}

/** A text given as a string that is not ASCII goes as UTF-8 and says so: without, it is ASCII (RFC 2046 §4.1.2). */
function typeOfText(issues: IssueList, path: string, type: string): string {
  const charset = parameterOf(type, 'charset');
  if (charset === undefined) return `${type}; charset=utf-8`;
  if (/^utf-?8$/i.test(charset)) return type;
  issues.add(
    `${path}.contentType`,
    `says charset ${show(charset)}, and \`content\` is a string, which goes as UTF-8`,
    'Leave the charset out, or encode the text yourself and give the bytes',
  );
  return type;
}

function readContent(
  issues: IssueList,
  path: string,
  attachment: object,
  meter: SizeMeter,
): { readonly bytes: Buffer; readonly isText: boolean } | undefined {
  const encoding =
    readChoice(issues, `${path}.encoding`, readField(attachment, 'encoding'), [
      'utf8',
      'base64',
      'hex',
    ]) ?? 'utf8';
  const value = readField(attachment, 'content');
  const at = `${path}.content`;
  if (typeof value === 'string') {
    if (!meter.addAttachment(at, Buffer.byteLength(value, encoding))) return undefined;
    const bytes = decode(issues, at, value, encoding);
    // Nothing but ASCII is what a text without a charset is.
    return bytes && { bytes, isText: encoding === 'utf8' && bytes.length > value.length };
  }
  if (types.isUint8Array(value)) {
    if (!meter.addAttachment(at, value.byteLength)) return undefined;
    return { bytes: Buffer.from(value), isText: false };
  }
  const stream = isObject(value) && ('pipe' in value || Symbol.asyncIterator in value);
  let fix = 'Give a string, a Buffer or another Uint8Array';
  if (stream)
    fix = 'Read the stream first (`Buffer.concat(await stream.toArray())`) and give the bytes';
  else if (isObject(value) && 'data' in value)
    fix = 'Turn it back into bytes: `Buffer.from(content.data)`';
  else if (types.isAnyArrayBuffer(value)) fix = 'Wrap it: `new Uint8Array(buffer)`';
  const problem = value === undefined ? 'is missing' : `expected bytes or text, got ${show(value)}`;
  issues.add(at, stream ? 'is a stream, which could be sent only once' : problem, fix);
  return undefined;
}

/** `path` and `href` are loaded before the message comes here, where the module allows them. */
function refuseUnloaded(issues: IssueList, path: string, attachment: object): boolean {
  let refused = false;
  for (const [key, option] of [
    ['path', 'content.paths'],
    ['href', 'content.origins'],
  ] as const) {
    if (readField(attachment, key) === undefined) continue;
    refused = true;
    issues.add(
      `${path}.${key}`,
      'is not allowed here',
      `Give the bytes as \`content\`, or allow it with the module's \`${option}\``,
    );
  }
  return refused;
}

function readAttachment(
  issues: IssueList,
  path: string,
  value: unknown,
  meter: SizeMeter,
): MailAttachment | undefined {
  if (!isObject(value)) {
    issues.add(path, `expected an object, got ${show(value)}`, 'Write `{ filename, content }`');
    return undefined;
  }
  checkUnknown(issues, path, value, ATTACHMENT_FIELDS, INSTEAD);
  const refused = refuseUnloaded(issues, path, value);
  const filename = readLine(issues, `${path}.filename`, readField(value, 'filename'), { max: 255 });
  const givenType = readLine(issues, `${path}.contentType`, readField(value, 'contentType'));
  const contentType = givenType === undefined ? mediaTypeOf(filename) : parseMediaType(givenType);
  if (contentType === undefined || contentType.startsWith('multipart/')) {
    issues.add(
      `${path}.contentType`,
      `${show(givenType)} is no media type of a file`,
      'Write it as `application/pdf` (RFC 2045 §5.1), or leave it out to go by the filename',
    );
  }
  const givenCid = readLine(issues, `${path}.cid`, readField(value, 'cid'));
  const cid = givenCid?.trim().replace(/^<(.*)>$/, '$1');
  if (cid !== undefined && !CID.test(cid)) {
    issues.add(
      `${path}.cid`,
      `${show(cid)} is no Content-ID`,
      'Use printable ASCII without < > and space',
    );
  }
  const disposition = readChoice(
    issues,
    `${path}.contentDisposition`,
    readField(value, 'contentDisposition'),
    ['attachment', 'inline'],
  );
  const content = refused ? undefined : readContent(issues, path, value, meter);
  if (content === undefined || contentType === undefined) return undefined;
  const isText = content.isText && contentType.startsWith('text/');
  return freezeAttachment({
    ...(filename !== undefined && { filename }),
    contentType: isText ? typeOfText(issues, path, contentType) : contentType,
    content: content.bytes,
    ...(cid !== undefined && { cid }),
    disposition: disposition ?? (cid === undefined ? 'attachment' : 'inline'),
  });
}

export function readAttachments(
  issues: IssueList,
  path: string,
  value: unknown,
  meter: SizeMeter,
): readonly MailAttachment[] {
  if (value === undefined) return NONE;
  if (!Array.isArray(value)) {
    issues.add(path, `expected an array, got ${show(value)}`, 'Write `attachments: [{ … }]`');
    return NONE;
  }
  const into: MailAttachment[] = [];
  const cids = new Set<string>();
  for (let i = 0; i < value.length; i += 1) {
    const attachment = readAttachment(issues, `${path}[${i}]`, value[i], meter);
    if (!attachment) continue;
    into.push(attachment);
    if (attachment.cid === undefined) continue;
    if (cids.has(attachment.cid)) {
      issues.add(`${path}[${i}].cid`, 'is used twice', 'Give each attachment a `cid` of its own');
    }
    cids.add(attachment.cid);
  }
  return into;
}
