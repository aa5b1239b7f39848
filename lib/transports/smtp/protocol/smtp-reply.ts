import { cleanWords } from '../../../base/server-words.js';

/** A server's reply, taken apart. */
export interface SmtpReply {
  /** 0 when it did not start with a code. */
  readonly code: number;
  /** RFC 3463, for example `5.1.1`. */
  readonly enhancedCode?: string;
  /** One line, secrets taken out. */
  readonly text: string;
}

/** Longest text kept of a reply, in characters. */
export const MAX_TEXT = 1000;

export function parseReply(raw: string, redact: (text: string) => string): SmtpReply {
  const found = /^(\d{3})(?:[ -](?:(\d\.\d{1,3}\.\d{1,3})(?=\s|$))?|$)/m.exec(raw);
  // A continuation repeats the code; the words read better without it.
  const joined = redact(raw.trim()).replace(/\r?\n\d{3}[ -](?:\d\.\d{1,3}\.\d{1,3} )?/g, ' ');
  const text = cleanWords(joined).slice(0, MAX_TEXT);
  return { code: found ? Number(found[1]) : 0, enhancedCode: found?.[2], text };
}

/** The next hop's own id for the mail, where its reply names one as the common servers do. */
export function remoteIdOf(text: string): string | undefined {
  return (
    /\bqueued (?:mail for delivery )?as:? <?([\w.@+/=-]+)/i.exec(text)?.[1] ??
    /\bid=([\w.-]+)/i.exec(text)?.[1]
  );
}
