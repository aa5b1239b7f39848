import { MailConfigurationError } from '../../../base/errors.js';
import { describe } from '../../../base/option-reader.js';

/** Submission (RFC 6409), its common stand-in, submission over TLS (RFC 8314), and SMTP itself. */
export const SMTP_PORTS: readonly number[] = [587, 2525, 465, 25];

/** `'probe'`: 587, 2525, 465, 25; or ports in an order of your own. */
export type SmtpPorts = 'probe' | readonly number[];

/** @throws MailConfigurationError */
export function readPorts(path: string, raw: unknown): readonly number[] {
  if (raw === 'probe') return SMTP_PORTS;
  const good = (port: unknown): port is number =>
    typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535;
  if (!Array.isArray(raw) || raw.length === 0 || !raw.every(good)) {
    const expected = "'probe' or an array of ports from 1 to 65535";
    throw new MailConfigurationError(path, expected, describe(raw));
  }
  return [...new Set(raw)];
}

/** TLS from the first byte on 465, and where the user asks for it on a port that is no STARTTLS one. */
export function securityOn(
  port: number,
  { secure, requireTLS }: { readonly secure?: boolean; readonly requireTLS?: boolean },
): { readonly secure: boolean; readonly requireTLS?: boolean } {
  if (port === 465) return { secure: true, requireTLS };
  if (secure !== true) return { secure: false, requireTLS };
  // Whoever asked for TLS from the first byte gets nothing less: STARTTLS, but never without.
  const submission = SMTP_PORTS.includes(port);
  return submission ? { secure: false, requireTLS: true } : { secure: true, requireTLS };
}
