import { MAX_REPLY_BYTES, MAX_REPLY_LINE_BYTES, Reply } from './reply.js';

const CR = 13;
const LF = 10;
const SPACE = 32;
const HYPHEN = 45;
const ZERO = 48;
const NEWLINE = Buffer.from('\n');

/** What the parser found wrong; the connection cannot be trusted any further. */
export class ReplySyntaxError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ReplySyntaxError';
  }
}

/**
 * Push parser of SMTP replies (RFC 5321 §4.2), fed with chunks split anywhere. It calls `onReply` once
 * for each complete reply, in order, and throws ReplySyntaxError on what is no reply.
 */
export class ReplyParser {
  /** The start of a line whose end has not come yet. */
  private rest: Buffer | undefined;
  /** Lines of a multi-line reply so far. */
  private parts: Buffer[] = [];
  private code = 0;
  private lines = 0;
  private bytes = 0;

  constructor(private readonly onReply: (reply: Reply) => void) {}

  /** Whether part of a reply has come and the rest has not. */
  get partial(): boolean {
    return this.rest !== undefined || this.lines > 0;
  }

  push(chunk: Buffer): void {
    let data = chunk;
    if (this.rest) {
      data = Buffer.concat([this.rest, chunk]);
      this.rest = undefined;
    }
    let start = 0;
    for (;;) {
      const end = data.indexOf(LF, start);
      if (end === -1) break;
      this.line(data, start, end > start && data[end - 1] === CR ? end - 1 : end);
      start = end + 1;
    }
    if (start === data.length) return;
    if (data.length - start > MAX_REPLY_LINE_BYTES) throw this.tooLong();
    // A copy, so that a few bytes do not keep a whole read buffer alive.
    this.rest = Buffer.from(data.subarray(start));
  }

  private line(data: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length > MAX_REPLY_LINE_BYTES) throw this.tooLong();
    const code = codeAt(data, start, length);
    const separator = length > 3 ? data[start + 3]! : SPACE;
    if (code === 0 || (separator !== SPACE && separator !== HYPHEN)) {
      throw new ReplySyntaxError('the server sent a line that is no SMTP reply');
    }
    const words = Math.min(start + 4, end);
    if (this.lines === 0) {
      if (separator === SPACE) {
        this.onReply(new Reply(code, data, words, end));
        return;
      }
      this.code = code;
    } else {
      if (code !== this.code) {
        throw new ReplySyntaxError('the lines of a multi-line reply carry different codes');
      }
      this.parts.push(NEWLINE);
    }
    this.parts.push(data.subarray(words, end));
    this.lines += 1;
    this.bytes += length;
    if (this.bytes > MAX_REPLY_BYTES) {
      throw new ReplySyntaxError(`a reply is longer than ${MAX_REPLY_BYTES} bytes`);
    }
    if (separator === HYPHEN) return;
    const reply = new Reply(this.code, Buffer.concat(this.parts));
    this.parts = [];
    this.lines = 0;
    this.bytes = 0;
    this.onReply(reply);
  }

  private tooLong(): ReplySyntaxError {
    return new ReplySyntaxError(`a reply line is longer than ${MAX_REPLY_LINE_BYTES} bytes`);
  }
}

/** The code of a line, 200 to 599, or 0 where there is none (RFC 5321 §4.2.1 has no 1yz replies). */
function codeAt(data: Buffer, start: number, length: number): number {
  if (length < 3) return 0;
  const first = data[start]! - ZERO;
  const second = data[start + 1]! - ZERO;
  const third = data[start + 2]! - ZERO;
  if (first < 2 || first > 5 || second < 0 || second > 9 || third < 0 || third > 9) return 0;
  return first * 100 + second * 10 + third;
}
