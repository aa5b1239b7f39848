import { CR, LF } from './bytes.js';

/** RFC 5322 §2.1.1, in bytes without CRLF. */
const LONGEST_LINE = 998;
/** Types whose transfer encoding is 7bit and nothing else (RFC 2046 §5.2.2 and §5.2.3, RFC 3464, RFC 8098). */
const ASCII_ONLY =
  /^message\/(?:partial|external-body|delivery-status|disposition-notification|feedback-report)\b/;

/**
 * How a file of a type `message/*` travels. It may not be encoded (RFC 2046 §5.2.1), so it has to keep
 * the rules of the wire itself: `undefined` where it holds NUL, a bare CR or LF, a line of more than
 * 998 bytes, or `boundary`, and where its type wants ASCII and it is none.
 */
export function messageEncoding(
  contentType: string,
  content: Buffer,
  boundary: string,
): '7bit' | '8bit' | undefined {
  let eightBit = false;
  let lineStart = 0;
  for (let i = 0; i < content.length; i += 1) {
    const byte = content[i]!;
    if (byte === 0) return undefined;
    if (byte > 0x7f) eightBit = true;
    if (byte === LF) return undefined; // one behind a CR is passed over below
    if (byte === CR) {
      if (content[i + 1] !== LF || i - lineStart > LONGEST_LINE) return undefined;
      i += 1;
      lineStart = i + 1;
    }
  }
  if (content.length - lineStart > LONGEST_LINE || content.includes(boundary)) return undefined;
  if (!eightBit) return '7bit';
  return ASCII_ONLY.test(contentType) ? undefined : '8bit';
}
