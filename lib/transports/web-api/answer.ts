import type { MailErrorCode } from '../../base/errors.js';
import { cleanWords } from '../../base/server-words.js';

const MAX_WORDS = 2_000;

/** What an HTTP status other than the expected one means. A 4xx is the message's fault unless it cannot be. */
export function codeOfStatus(status: number): MailErrorCode {
  if (status >= 500) return 'MAIL_SERVICE';
  if (status < 400 || [404, 405, 406].includes(status)) return 'MAIL_PROTOCOL';
  if ([401, 402, 403, 407].includes(status)) return 'MAIL_AUTH';
  if (status === 408) return 'MAIL_TIMEOUT';
  if (status === 429) return 'MAIL_RATE';
  return 'MAIL_CONTENT';
}

/** A provider's words, as they may stand in an error: one line, not too long. */
export function oneLine(text: string): string {
  return cleanWords(text).trim().slice(0, MAX_WORDS);
}

export function parseJson(text: string): unknown {
  // What a 202 has; a failed parse costs as much as half the mapping of a mail.
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
