import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';

/**
 * Runs a server unpacked at $1 as if it were installed, in a mount namespace of its own: its files lie over
 * /usr and /etc, what it writes there goes into memory, and the users that it wants exist for it alone.
 */
const SCRIPT = `
set -e
root=$1; shift
users=$1; shift
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/etc /mnt/etc.w /mnt/var /mnt/var.w
if [ -d "$root/usr" ]; then mount -t overlay overlay -o "lowerdir=$root/usr:/usr" /usr; fi
mount -t overlay overlay -o "lowerdir=/etc,upperdir=/mnt/etc,workdir=/mnt/etc.w" /etc
mount -t overlay overlay -o "lowerdir=/var,upperdir=/mnt/var,workdir=/mnt/var.w" /var
id=60100
for user in $users; do
  getent passwd "$user" >/dev/null || echo "$user:x:$id:$id::/nonexistent:/bin/sh" >>/etc/passwd
  getent group "$user" >/dev/null || echo "$user:x:$id:" >>/etc/group
  id=$((id + 1))
done
eval "$PREPARE"
exec "$@"
`;

export interface PrivateProcess {
  /** Where it is unpacked. */
  readonly root: string;
  /** Users that it runs as. */
  readonly users?: readonly string[];
  /** Shell commands that are run as root first, within. */
  readonly prepare?: string;
  readonly command: readonly string[];
  readonly port: number;
}

/** Only root may have a mount namespace and start such a server. */
export const mayRun = process.getuid?.() === 0 && process.platform === 'linux';

export class RunningServer {
  output = '';
  private constructor(private readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk: Buffer) => this.keep(chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.keep(chunk));
  }

  /** Resolves once the port takes connections. */
  static async start(what: PrivateProcess): Promise<RunningServer> {
    const { root, users = [], prepare = '', command, port } = what;
    const child = spawn(
      'unshare',
      ['--mount', 'sh', '-c', SCRIPT, 'sh', root, users.join(' '), ...command],
      { env: { ...process.env, PREPARE: prepare }, detached: true },
    );
    const server = new RunningServer(child);
    try {
      await server.listening(port);
    } catch (error) {
      await server.stop();
      throw new Error(`${command.join(' ')} did not start: ${server.output}`, { cause: error });
    }
    return server;
  }

  /** SIGTERM to the server itself. */
  terminate(): void {
    this.child.kill('SIGTERM');
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) {
      this.killGroup();
      return;
    }
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 3_000);
    await ended;
    clearTimeout(timer);
    this.killGroup();
  }

  /** Processes that it left behind; they are all in a group of their own. */
  private killGroup(): void {
    try {
      process.kill(-this.child.pid!, 'SIGKILL');
    } catch {
      // None is left.
    }
  }

  private keep(chunk: Buffer): void {
    this.output = (this.output + chunk.toString()).slice(-8_000);
  }

  private async listening(port: number): Promise<void> {
    const until = Date.now() + 30_000;
    for (;;) {
      const open = await new Promise<boolean>((resolve) => {
        const socket = net.connect(port, '127.0.0.1');
        socket.once('connect', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => {
          resolve(false);
        });
      });
      if (open) return;
      if (this.child.exitCode !== null) throw new Error(`ended with ${this.child.exitCode}`);
      if (Date.now() > until) throw new Error('no answer within 30 s');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
