import type { Reply } from './reply.js';

/** What a server offered in its EHLO reply (RFC 5321 §4.1.1.1). */
export interface Capabilities {
  readonly pipelining: boolean;
  readonly chunking: boolean;
  readonly startTls: boolean;
  readonly eightBitMime: boolean;
  readonly smtpUtf8: boolean;
  readonly dsn: boolean;
  /** REQUIRETLS (RFC 8689), which is worth something over trusted TLS only. */
  readonly requireTls: boolean;
  readonly enhancedCodes: boolean;
  /** Largest message it takes, in bytes (RFC 1870); 0 when it states none; undefined without SIZE. */
  readonly size: number | undefined;
  /** SASL mechanisms in upper case. */
  readonly auth: ReadonlySet<string>;
}

export const NO_CAPABILITIES: Capabilities = {
  pipelining: false,
  chunking: false,
  startTls: false,
  eightBitMime: false,
  smtpUtf8: false,
  dsn: false,
  requireTls: false,
  enhancedCodes: false,
  size: undefined,
  auth: new Set(),
};

/** `trusted`: the reply came over TLS, from a server whose certificate was checked. */
export function parseCapabilities(ehlo: Reply, trusted: boolean): Capabilities {
  const auth = new Set<string>();
  const keywords = new Set<string>();
  let size: number | undefined;
  for (const line of ehlo.text.split('\n').slice(1)) {
    const words = line.trim().toUpperCase().split(/\s+/);
    const keyword = words[0] ?? '';
    keywords.add(keyword);
    if (keyword === 'SIZE') {
      const stated = Number(words[1] ?? '0');
      size = Number.isSafeInteger(stated) && stated > 0 ? stated : 0;
    } else if (keyword === 'AUTH') {
      for (const mechanism of words.slice(1)) auth.add(mechanism);
    } else if (keyword.startsWith('AUTH=')) {
      // The form of old Exchange and Outlook clients, still offered beside the right one.
      for (const mechanism of [keyword.slice(5), ...words.slice(1)]) auth.add(mechanism);
    }
  }
  return {
    pipelining: keywords.has('PIPELINING'),
    chunking: keywords.has('CHUNKING'),
    startTls: keywords.has('STARTTLS'),
    eightBitMime: keywords.has('8BITMIME'),
    smtpUtf8: keywords.has('SMTPUTF8'),
    dsn: keywords.has('DSN'),
    requireTls: trusted && keywords.has('REQUIRETLS'),
    enhancedCodes: keywords.has('ENHANCEDSTATUSCODES'),
    size,
    auth,
  };
}
