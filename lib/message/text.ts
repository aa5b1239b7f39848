import { describe } from '../base/option-reader.js';

/** ES2024; in every Node version that this package supports, but not in TypeScript's ES2023. */
interface WellFormed {
  isWellFormed(): boolean;
  toWellFormed(): string;
}

// C0, DEL and C1. TAB counts here: only header values may hold it (RFC 5322 §2.2).
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const CONTROL_BUT_TAB = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/;

export interface TextFault {
  readonly problem: string;
  readonly fix: string;
}

function nameOf(code: number): string {
  if (code === 0x0d) return 'a carriage return (CR)';
  if (code === 0x0a) return 'a line feed (LF)';
  if (code === 0x00) return 'a NUL character';
  return `the control character U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

const LONE_SURROGATE: TextFault = {
  problem: 'holds a lone surrogate, which UTF-8 cannot carry',
  fix: 'Call `.toWellFormed()` on it, and cut strings between characters, not inside an emoji',
};

/** Half of a character outside the BMP, which no encoding carries. */
export function surrogateFault(text: string): TextFault | undefined {
  return (text as unknown as WellFormed).isWellFormed() ? undefined : LONE_SURROGATE;
}

/** The text, U+FFFD in place of half characters. */
export function wellFormed(text: string): string {
  return (text as unknown as WellFormed).toWellFormed();
}

/** What is wrong with a string that becomes a header or envelope field, if anything is. */
export function fieldTextFault(text: string, tabAllowed = false): TextFault | undefined {
  const match = (tabAllowed ? CONTROL_BUT_TAB : CONTROL).exec(text);
  if (match) {
    return {
      problem: `holds ${nameOf(match[0].charCodeAt(0))} at position ${match.index}`,
      fix: 'Remove it: a line break or control character here could forge another header',
    };
  }
  return surrogateFault(text);
}

/** What is wrong with a body, if anything is. Line ends of any kind are the composer's to normalise. */
export function bodyTextFault(text: string): TextFault | undefined {
  const nul = text.indexOf('\0');
  if (nul >= 0) {
    return {
      problem: `holds a NUL character at position ${nul}`,
      fix: 'Remove it, or send binary data as an attachment',
    };
  }
  return surrogateFault(text);
}

/** A value as it may stand in a problem: shortened, escaped, never breaking the line. */
export function show(value: unknown): string {
  if (typeof value !== 'string' || value === '') return describe(value);
  const text = value.length > 60 ? `${value.slice(0, 57)}…` : value;
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029]/g, '\ufffd');
}
