import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Provider } from './provider.js';

const run = promisify(execFile);
const POSTFIX = '/usr/sbin/postfix';

/** A mail that waits in Postfix, as `postqueue -j` tells it. */
export interface WaitingMail {
  readonly id: string;
  readonly queue: string;
  readonly recipient: string;
  readonly reason?: string;
}

/** What in a production `main.cf` makes Postfix a relay through a provider; see the README for whole files. */
const smartHost = ({ host, name, port, ca }: Provider, folder: string): string => `
relayhost = [${host}]:${port}
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = texthash:${folder}/etc/sasl_passwd
smtp_sasl_tls_security_options = noanonymous
# No password and no mail without TLS to a server that proves its name.
smtp_tls_security_level = secure
smtp_tls_CAfile = ${ca}
smtp_tls_secure_cert_match = ${name}
`;

/**
 * For the page alone. Waits are shorter than in production (300, 300 and 4000 s there), so that nobody has to wait.
 * And the stand-in closes at a QUIT that Postfix pipelines behind the content, before it has answered the content:
 * Postfix would send the mail once more (RFC 1047).
 */
const QUICK = `
smtp_discard_ehlo_keywords = pipelining
queue_run_delay = 2s
minimal_backoff_time = 1s
maximal_backoff_time = 3s
`;

const basics = (folder: string): string => `
compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file_prefixes = ${folder}
maillog_file = ${folder}/log
myhostname = app.example
# Nothing ends here: all mail goes on to the provider.
mydestination =
local_recipient_maps =
alias_maps =
inet_protocols = ipv4
inet_interfaces = loopback-only
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
`;

const services = (port: number): string => `
127.0.0.1:${port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;

/** A real Postfix with configuration and queue of its own on a free port; the machine's own is not touched. */
export class Postfix {
  private constructor(
    private readonly folder: string,
    readonly port: number,
  ) {}

  static async start(folder: string, provider: Provider): Promise<Postfix> {
    if (process.getuid?.() !== 0) {
      throw new Error('Postfix starts as root only: sudo npm start, or a container');
    }
    const id = (flag: string) => Number(execFileSync('id', [flag, 'postfix'], { stdio: 'pipe' }));
    let owner: readonly [number, number];
    try {
      owner = [id('-u'), id('-g')];
    } catch {
      throw new Error('Postfix is not installed: npm run setup, or apt-get install postfix');
    }
    const port = await freePort();
    // Its daemons run as the user postfix and have to reach the queue.
    chmodSync(folder, 0o755);
    for (const part of ['etc', 'queue', 'data']) mkdirSync(join(folder, part));
    chownSync(join(folder, 'data'), ...owner);
    const { host, port: to, user, password } = provider;
    const etc = (name: string) => join(folder, 'etc', name);
    writeFileSync(etc('sasl_passwd'), `[${host}]:${to} ${user}:${password}\n`, { mode: 0o600 });
    writeFileSync(etc('main.cf'), basics(folder) + smartHost(provider, folder) + QUICK);
    writeFileSync(etc('master.cf'), services(port));
    try {
      await run(POSTFIX, ['-c', join(folder, 'etc'), 'start']);
    } catch (cause) {
      throw new Error(`Postfix did not start: ${logOf(folder)}`, { cause });
    }
    return new Postfix(folder, port);
  }

  /** What waits, in Postfix's own words. */
  async queue(): Promise<readonly WaitingMail[]> {
    const args = ['-c', join(this.folder, 'etc'), '-j'];
    const { stdout } = await run('/usr/sbin/postqueue', args, { maxBuffer: 64 * 1024 * 1024 });
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const { queue_id, queue_name, recipients } = JSON.parse(line) as QueueLine;
        const [first] = recipients;
        return {
          id: queue_id,
          queue: queue_name,
          recipient: first?.address ?? '',
          reason: first?.delay_reason,
        };
      });
  }

  async stop(): Promise<void> {
    await run(POSTFIX, ['-c', join(this.folder, 'etc'), 'stop']).catch(() => undefined);
  }
}

interface QueueLine {
  readonly queue_name: string;
  readonly queue_id: string;
  readonly recipients: readonly { readonly address: string; readonly delay_reason?: string }[];
}

function logOf(folder: string): string {
  try {
    return readFileSync(join(folder, 'log'), 'utf8');
  } catch {
    return 'it has written no log';
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
