import { parseReply, type SmtpReply } from './smtp-reply.js';

/**
 * Longest reply line taken, in bytes without its end. RFC 5321 §4.5.3.1.5 allows 512, servers in the
 * field send more (Postfix takes 2048), and no honest one needs this much.
 */
export const MAX_REPLY_LINE_BYTES = 8192;

/** Most bytes of one multi-line reply. */
export const MAX_REPLY_BYTES = 65_536;

/** RFC 2034 §4: an enhanced code agrees with the first digit of the reply's own code. */
const ENHANCED = /^([245]\.\d{1,3}\.\d{1,3})(?:\s|$)/;

/** One reply of the server. */
export class Reply {
  constructor(
    readonly code: number,
    /** The lines' text without their codes, joined by `\n`. */
    readonly text: string,
  ) {}

  /** First digit of the code: 2 success, 3 go on, 4 not now, 5 never. */
  get kind(): number {
    return Math.trunc(this.code / 100);
  }

  /** Enhanced status code (RFC 2034), where the text begins with one of the reply's own class. */
  get enhancedCode(): string | undefined {
    const found = ENHANCED.exec(this.text)?.[1];
    return found?.startsWith(String(this.kind)) ? found : undefined;
  }

  /** For errors and deliveries: one line, secrets taken out. */
  said(redact: (text: string) => string): SmtpReply {
    return parseReply(`${this.code} ${this.text.replaceAll('\n', `\n${this.code} `)}`, redact);
  }
}
