import { isIP, isIPv4, isIPv6 } from 'node:net';

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

function isHostName(text: string): boolean {
  const labels = (text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  return text.length <= 254 && labels.every((label) => LABEL.test(label));
}

/** A name that can be looked up, or an IP address without brackets. */
export function isHost(text: string, { addressOnly = false } = {}): boolean {
  return isIP(text) !== 0 || (!addressOnly && isHostName(text));
}

/** What EHLO may say: a domain, or an address literal (RFC 5321 §4.1.3). */
export function isEhloName(text: string): boolean {
  const literal = /^\[(IPv6:)?([0-9a-f.:]+)\]$/i.exec(text);
  if (literal) return literal[1] ? isIPv6(literal[2]!) : isIPv4(literal[2]!);
  return isHostName(text) && !text.includes('_');
}
