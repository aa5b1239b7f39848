import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Inbox } from 'mail-stand-ins/inbox';
import { Link } from 'mail-stand-ins/link';
import { startSmtpInbox } from 'mail-stand-ins/smtp-inbox';

/** Mails that the page counts; more than anybody hands over here. */
const KEPT = 10_000;

/** The provider's SMTP server, which wants TLS and a login, at the far end of a line that can be cut. */
export interface Provider {
  /** Where the line begins. */
  readonly host: '127.0.0.1';
  /** What its certificate says. */
  readonly name: 'localhost';
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The file of the authority that its certificate is from. */
  readonly ca: string;
  readonly line: Link;
  readonly inbox: Inbox;
  close(): Promise<void>;
}

/** Starts the stand-in; its certificate goes into `folder`. */
export async function startProvider(folder: string): Promise<Provider> {
  const [ca, key] = [join(folder, 'provider.pem'), join(folder, 'provider.key')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '30'],
      ...['-keyout', key, '-out', ca],
    ],
    { stdio: 'pipe' },
  );
  const inbox = new Inbox(KEPT);
  const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(ca, 'utf8') };
  const server = await startSmtpInbox({ inbox, tls });
  const { port, username, password } = new URL(server.url);
  const line = await Link.open(Number(port));
  return {
    host: '127.0.0.1',
    name: 'localhost',
    port: line.port,
    user: username,
    password,
    ca,
    line,
    inbox,
    close: async () => {
      await line.block();
      await server.close();
    },
  };
}
