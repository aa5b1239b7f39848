import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { show, type TextFault } from '../text.js';

// RFC 5321 §4.1.2: letters, digits and inner hyphens; RFC 1035 §2.3.4: 63 octets a label.
const HOST = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
// A last label that a URL parser would read as part of an IPv4 address.
const NUMERIC_END = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/;
const ASCII = /^[\u0000-\u007f]*$/;
const NON_ASCII_OR_LDH = /^(?:[a-z0-9.-]|[^\u0000-\u007f])+$/iu;

function literal(domain: string): string | TextFault {
  const inner = domain.slice(1, -1);
  if (isIP(inner) === 4) return domain;
  if (/^ipv6:/i.test(inner) && isIP(inner.slice(5)) === 6 && !inner.includes('%')) {
    return `[IPv6:${inner.slice(5).toLowerCase()}]`;
  }
  return {
    problem: `has ${show(domain)}, which is no address literal`,
    fix: 'Write a domain name, `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3)',
  };
}

/**
 * A domain in the one form that header, envelope and allow-lists compare: lower-case A-labels, with
 * full-width letters and dots folded (UTS #46), or an address literal.
 */
export function normalizeDomain(domain: string): string | TextFault {
  if (domain.startsWith('[') && domain.endsWith(']')) return literal(domain);
  let ascii = domain.toLowerCase();
  if (!ASCII.test(domain)) {
    // domainToASCII is lenient (`a/b.com` becomes `a`), so nothing but LDH may stand beside the
    // non-ASCII characters, and the outcome is checked like any other domain.
    ascii = NON_ASCII_OR_LDH.test(domain) ? domainToASCII(domain) : '';
  }
  if (ascii.length > 255 || !HOST.test(ascii)) {
    return {
      problem: `has ${show(domain)}, which is no domain name`,
      fix: 'Write labels of letters, digits and inner hyphens, 63 at most each, joined by single dots',
    };
  }
  if (NUMERIC_END.test(ascii)) {
    return {
      problem: `has the domain ${show(domain)}, which looks like an IP address`,
      fix: 'Write a domain name, or an address literal in square brackets: `[192.0.2.1]`',
    };
  }
  return ascii;
}
