import type { IssueList } from './issues.js';

/** Default limit of a mail, in bytes as sent. */
export const DEFAULT_MAX_BYTES = 25 * 1024 * 1024;

/** Base64 in lines of 76 characters with CRLF (RFC 2045 §6.8). */
function base64Size(bytes: number): number {
  const chars = Math.ceil(bytes / 3) * 4;
  return chars + Math.ceil(chars / 76) * 2;
}

function mebibytes(bytes: number): string {
  return bytes < 1024 * 1024 ? `${bytes} bytes` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** Adds up what a mail will weigh, before anything is copied or encoded. */
export class SizeMeter {
  private total = 0;
  private biggest = 0;
  private biggestPath = 'message';

  constructor(private readonly maxBytes: number) {}

  private add(path: string, bytes: number): boolean {
    this.total += bytes;
    if (bytes > this.biggest) [this.biggest, this.biggestPath] = [bytes, path];
    return this.total <= this.maxBytes;
  }

  /** A body, or a header's text: as it is in ASCII, else as base64, which bounds quoted-printable. */
  addText(path: string, text: string): void {
    const bytes = Buffer.byteLength(text);
    this.add(path, bytes === text.length ? bytes : base64Size(bytes));
  }

  /** False when the mail is already over the limit and the bytes need not be copied. */
  addAttachment(path: string, bytes: number): boolean {
    return this.add(path, base64Size(bytes));
  }

  report(issues: IssueList): void {
    if (this.total <= this.maxBytes) return;
    issues.add(
      this.biggestPath,
      `makes the message ${mebibytes(this.total)} as sent, over the limit of ${mebibytes(this.maxBytes)}`,
      'Shrink it, send a link instead, or raise the size limit',
    );
  }
}
