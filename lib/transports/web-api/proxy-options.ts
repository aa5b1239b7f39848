import type { OptionReader } from '../../base/option-reader.js';

/** An HTTP proxy that opens tunnels (CONNECT, RFC 9110 §9.3.6). */
export interface Proxy {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** What `Proxy-Authorization` says. */
  readonly authorization?: string;
}

/** @throws MailConfigurationError, which does not quote the URL: it may hold a password. */
export function readProxy(reader: OptionReader): Proxy | undefined {
  const text = reader.optionalString('proxy');
  if (text === undefined) return undefined;
  const bad = (got: string): never =>
    reader.fail('proxy', 'a URL like http://user:password@proxy.example:3128', got);
  if (!URL.canParse(text)) return bad('a string that is none');
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return bad('one of another scheme');
  if (pathname !== '/' || search !== '' || hash !== '') {
    return bad('one with a path, query or fragment');
  }
  const secure = protocol === 'https:';
  return {
    secure,
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    ...(username !== '' && { authorization: basic(username, password, bad) }),
  };
}

/** RFC 7617 */
function basic(username: string, password: string, bad: (got: string) => never): string {
  try {
    const both = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return `Basic ${Buffer.from(both).toString('base64')}`;
  } catch {
    return bad('one whose user or password is not percent-encoded properly');
  }
}
