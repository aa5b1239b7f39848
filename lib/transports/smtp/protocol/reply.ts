import { MAX_TEXT, parseReply, type SmtpReply } from './smtp-reply.js';

/**
 * Longest reply line taken, in bytes without its end. RFC 5321 §4.5.3.1.5 allows 512, servers in the
 * field send more (Postfix takes 2048), and no honest one needs this much.
 */
export const MAX_REPLY_LINE_BYTES = 8192;

/** Most bytes of one multi-line reply. */
export const MAX_REPLY_BYTES = 65_536;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const DOT = 46;
const ZERO = 48;

/** Nothing that `parseReply` could take out: most replies. */
const TIDY = /^[\x20-\x7e]*$/;

/** One reply of the server. Its words become text only when somebody asks for them. */
export class Reply {
  private decoded: string | undefined;

  constructor(
    readonly code: number,
    /** Where the lines' text stands, without their codes, joined by `\n`. */
    private readonly bytes: Buffer,
    private readonly start = 0,
    private readonly end = bytes.length,
  ) {}

  /** The lines' text without their codes, joined by `\n`. */
  get text(): string {
    this.decoded ??= decode(this.bytes, this.start, this.end);
    return this.decoded;
  }

  /** First digit of the code: 2 success, 3 go on, 4 not now, 5 never. */
  get kind(): number {
    return Math.trunc(this.code / 100);
  }

  /**
   * The enhanced status code (RFC 2034) as a number, 2.1.5 as 2_001_005; 0 where the text does not
   * begin with one of the reply's own class (§4).
   */
  get status(): number {
    const { bytes, start, end, kind } = this;
    if (end - start < 5 || bytes[start]! - ZERO !== kind || bytes[start + 1] !== DOT) return 0;
    let status = kind;
    let part = 0;
    let digits = 0;
    let dots = 1;
    for (let at = start + 2; ; at += 1) {
      const byte = at < end ? bytes[at]! : SPACE;
      const digit = byte - ZERO;
      if (digit >= 0 && digit <= 9) {
        part = part * 10 + digit;
        digits += 1;
        if (digits > 3) return 0;
        continue;
      }
      if (digits === 0) return 0;
      status = status * 1000 + part;
      if (dots === 2) return isBlank(byte) ? status : 0;
      if (byte !== DOT) return 0;
      dots += 1;
      part = 0;
      digits = 0;
    }
  }

  /** The enhanced status code in its usual form. */
  get enhancedCode(): string | undefined {
    const { status, kind } = this;
    if (status === 0) return undefined;
    return `${kind}.${Math.trunc(status / 1000) % 1000}.${status % 1000}`;
  }

  /** For errors and deliveries: one line, secrets taken out. */
  said(redact: (text: string) => string): SmtpReply {
    const { code, text } = this;
    if (text.length < MAX_TEXT && TIDY.test(text)) {
      const line = redact(`${code} ${text}`.trimEnd()).slice(0, MAX_TEXT);
      return { code, enhancedCode: this.enhancedCode, text: line };
    }
    return parseReply(`${code} ${text.replaceAll('\n', `\n${code} `)}`, redact);
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === LF || byte === TAB || byte === CR;
}

/** Latin-1 is the fast way for ASCII; a reply with other bytes is UTF-8 (RFC 6531 §3.7.4.2). */
function decode(data: Buffer, start: number, end: number): string {
  const text = data.toString('latin1', start, end);
  return /^[\x00-\x7f]*$/.test(text) ? text : data.toString('utf8', start, end);
}
