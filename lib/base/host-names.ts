import { BlockList, isIP } from 'node:net';

/** 127.0.0.0/8 (RFC 1122 §3.2.1.3) and ::1 (RFC 4291 §2.5.3), in any spelling, also as IPv4-mapped IPv6. */
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Whether bytes to a host never leave this machine, so that plain text reveals nothing. `host` is a name or
 * an address, with or without the brackets of a URL. Of the names only `localhost` itself counts: a resolver
 * may ask the network for `x.localhost` (RFC 6761 §6.3 leaves it a SHOULD), as for `127.1`.
 */
export function isLoopback(host: string): boolean {
  const bare = withoutBrackets(host);
  const family = isIP(bare);
  if (family === 0) return bare === host && /^localhost\.?$/i.test(host);
  if (bare !== host && family !== 6) return false;
  // A zone (`fe80::1%eth0`) names an interface; no loopback address has one.
  return !bare.includes('%') && LOOPBACK.check(bare, family === 4 ? 'ipv4' : 'ipv6');
}

export function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

/** A name as TLS knows it: the dot of a name that is looked up as it stands is no part of it (RFC 6066 §3). */
export function withoutTrailingDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}
